"""The binaries as a person runs them, each in a process of its own."""

import gzip
import json
import subprocess
import sys

import numpy as np
import pytest

from experiments import comparing
from experiments.datasets import Loader, load_dataset
from moc_tf.code_table import CodeTable
from moc_tf.evaluation import auc
from moc_tf.indexing import indexing_methods, load_indexer
from moc_tf.training import Predictions, Progress
from moc_tf.training.methods import CONTROLS
from tests.experiments.binaries import ROOT, ROWS, run
from tests.experiments.report_rows import runs


def test_from_files_to_codes_to_a_comparison(release, tmp_path):
    vectors = release / "item_embeddings_Beauty.npz"
    indexing = run(
        "index_items",
        f"--vectors={vectors}",
        f"--out={tmp_path / 'made'}",
        "--num_codes=3",
        "--codebook_size=8",
        "--epochs=3",
    )
    assert "Epoch 3/3" in indexing.stdout
    assert "relative error" in indexing.stdout
    table = CodeTable.load(tmp_path / "made/codes")
    indexer = load_indexer(tmp_path / "made/indexer")
    embedding = np.load(vectors)["embedding"]
    np.testing.assert_array_equal(indexer.encode(embedding), table.codes)

    arguments = [
        "--dataset=amazon/beauty",
        f"--data_dir={release}",
        "--methods=none,vq",
        "--codebook_size=8",
        f"--codes={tmp_path / 'made/codes'}",
        "--seeds=1",
        "--max_epochs=1",
        f"--workdir={tmp_path / 'run'}",
    ]
    first = run("train_ranker", *arguments, "--num_workers=1").stdout
    assert "dcn_v2 on amazon/beauty, protocol rating, 1 seeds" in first
    lines = (tmp_path / "run/results.jsonl").read_text().splitlines()
    results = [json.loads(line) for line in lines]
    assert [(r["method"], r["num_codes"]) for r in results] == [
        ("none", 0),
        ("vq", 1),
        ("given_codes", 3),
    ]
    assert all(0 < r["auc"] < 1 for r in results)
    assert (tmp_path / "run/table.md").read_text().count("\n| ") >= 3
    again = run("train_ranker", *arguments, "--num_workers=1").stdout
    assert again.count("(done before)") == 3

    one, other = (tmp_path / "run" / results[place]["run"] for place in (1, 0))
    compared = run("compare_runs", f"--one={one}", f"--other={other}", "--samples=100")
    line = next(x for x in compared.stdout.splitlines() if x.startswith("all")).split()
    aucs = [results[place]["auc"] for place in (1, 0)]
    assert line[1] == str(ROWS // 10)
    assert line[3:5] == [f"{auc:.4f}" for auc in aucs]
    assert float(line[5]) == pytest.approx(aucs[0] - aucs[1], abs=6e-5)
    assert float(line[6]) <= float(line[5]) <= float(line[8])
    assert any(x.startswith("new") for x in compared.stdout.splitlines())


METHODS_ASKED = """
from absl import app
from experiments import comparing, train_ranker

def told(comparison, *_):
    print("asked:", *(method.id for method in comparison._methods))

comparing.run_and_report = told
app.run(train_ranker.main)
"""


def test_a_variant_is_of_all_methods_that_have_it(tmp_path):
    load_dataset("planted").tables["true_factors"].save(tmp_path / "codes")
    command = [sys.executable, "-c", METHODS_ASKED, f"--workdir={tmp_path / 'run'}"]
    command += ["--methods=none,vq,moc,moc:diverse", "--num_codes=2"]
    command += [f"--codes={tmp_path / 'codes'}", "--variant=shuffled"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    *_, asked = done.stdout.splitlines()
    assert asked.split() == [
        *("asked:", "none-0", "vq-1-shuffled", "moc-2-shuffled", "moc-2-diverse"),
        "given_codes-8-shuffled",
    ]


def test_the_table_is_of_the_comparison_that_was_run(tmp_path, capsys):
    """Another process may write its own results to the same folder meanwhile."""
    ours, theirs = runs("none", {0: 0.6, 1: 0.7}), runs("none", {0: 0.1}, model="fmfm")

    class Comparison:
        def run(self, num_workers):
            for done, row in enumerate(ours, 1):
                yield Progress(done, 2, 1.0, row, False, ours[:done])
            (tmp_path / "results.jsonl").write_text(json.dumps(theirs[0]) + "\n")

    comparing.run_and_report(Comparison(), str(tmp_path), "Ours", 1)
    table = (tmp_path / "table.md").read_text()
    assert "0.6500" in table
    assert "0.6500" in capsys.readouterr().out
    assert "0.1" not in table.split("±")[0]


def test_runs_on_too_few_users_are_told_to_have_no_interval(tmp_path):
    labels = np.array([0, 1, 0, 1], np.float32)
    of_one_user = np.zeros(4, int), np.zeros(4, bool)
    Predictions("test", "a" * 64, labels, labels, *of_one_user).save(tmp_path)
    told = run("compare_runs", f"--one={tmp_path}", f"--other={tmp_path}").stdout
    assert "no interval: It takes at least two users" in told


def test_missing_vectors_are_an_error_that_says_what_to_do(release, tmp_path):
    for name in ("reviews_Beauty_5.json.gz", "meta_Beauty.json.gz"):
        (tmp_path / name).write_bytes((release / name).read_bytes())
    with pytest.raises(ValueError, match=r"item_embeddings_Beauty\.npz.*--vectors"):
        load_dataset("amazon/beauty", data_dir=str(tmp_path))


def test_a_suites_data_without_a_folder_are_an_error_that_names_the_flag():
    load = Loader()
    with pytest.raises(ValueError, match=r"--data_dir.*item_embeddings_Beauty\.npz"):
        load("amazon/beauty", "rating")
    with pytest.raises(ValueError, match="must be one of"):
        load("amazon/bauty", "rating")


def test_files_for_the_planted_benchmark_are_refused(release):
    with pytest.raises(ValueError, match="reads no files"):
        load_dataset("planted", data_dir=str(release))


def test_rating_without_ratings_is_an_error_that_names_the_other_protocol(
    release, tmp_path
):
    for path in release.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with gzip.open(release / "reviews_Beauty_5.json.gz", "rt") as lines:
        reviews = [json.loads(line) for line in lines]
    with gzip.open(tmp_path / "reviews_Beauty_5.json.gz", "wt") as lines:
        for review in reviews:
            del review["overall"]
            lines.write(json.dumps(review) + "\n")
    with pytest.raises(ValueError, match="Use the protocol 'implicit'"):
        load_dataset("amazon/beauty", "rating", str(tmp_path))


def test_vectors_alone_are_scored_by_what_users_clicked(tmp_path):
    out = tmp_path / "content"
    told = run("content_baseline", "--datasets=planted:rating", f"--out={out}").stdout
    (row,) = map(json.loads, (out / "results.jsonl").read_text().splitlines())
    data = load_dataset("planted")
    assert (row["dataset"], row["protocol"], row["split"]) == (
        *("planted", "rating", "test"),
    )
    assert row["data_sha256"] == data.ranking.sha256
    # By hand, user by user: the cosine to the mean of the items clicked in training.
    ranking = data.ranking
    vectors = data.vectors.aligned_to(ranking.item_ids).astype(float)
    vectors -= vectors.mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = np.zeros(len(ranking.test))
    for user in np.unique(ranking.test.user_rows):
        here = ranking.train.user_rows == user
        clicked = ranking.train.item_rows[here & (ranking.train.labels == 1)]
        asked = ranking.test.user_rows == user
        if clicked.size:
            profile = vectors[clicked].mean(axis=0)
            found = vectors[ranking.test.item_rows[asked]] @ profile
            scores[asked] = found / np.linalg.norm(profile)
    assert row["auc"] == pytest.approx(auc(ranking.test.labels, scores), abs=1e-4)
    assert row["auc"] > 0.6
    assert "logloss" not in row
    assert f"AUC {row['auc']:.4f}" in told


@pytest.mark.parametrize(
    "module",
    ["quickstart", "index_items", "train_ranker", "benchmark", "export_ranker"],
)
def test_help_explains_the_binary(module):
    process = run(module, "--help", check=False)
    assert f"python -m experiments.{module}" in process.stdout


@pytest.mark.parametrize(
    "module",
    ["quickstart", "index_items", "train_ranker", "benchmark", "export_ranker"],
)
def test_flags_are_read_before_tensorflow_is_loaded(module):
    code = f"import sys, experiments.{module}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("binary", ["index_items", "train_ranker"])
def test_the_binaries_offer_every_indexing_method(binary):
    shown = run(binary, "--help", check=False).stdout
    names = [*indexing_methods(), *(CONTROLS if binary == "train_ranker" else ())]
    assert [name for name in names if name not in shown] == []


@pytest.mark.slow
def test_options_of_a_method_are_named(release, tmp_path):
    vectors = release / "item_embeddings_Beauty.npz"
    options = ["--method=rq_vae", "--num_codes=2", "--codebook_size=8", "--epochs=1"]
    options += ["--option=hidden_units=[8]", "--option=codebook_update=ema"]
    run("index_items", f"--vectors={vectors}", f"--out={tmp_path / 'made'}", *options)
    config = load_indexer(tmp_path / "made/indexer").config
    assert (config.hidden_units, config.codebook_update) == ((8,), "ema")
    wrong = run(
        "index_items",
        f"--vectors={vectors}",
        f"--out={tmp_path / 'other'}",
        "--option=hiden_units=[8]",
        check=False,
    )
    assert wrong.returncode != 0
    assert "no option 'hiden_units'" in wrong.stderr
