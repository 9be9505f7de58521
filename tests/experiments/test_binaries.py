"""The binaries as a person runs them, each in a process of its own."""

import gzip
import json
import pathlib
import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from experiments import comparing
from experiments.datasets import Files, Loader, load_dataset
from moc_tf.code_table import CodeTable
from moc_tf.data import load_amazon
from moc_tf.evaluation import auc
from moc_tf.indexing import indexing_methods, load_indexer
from moc_tf.training import Predictions, Progress
from moc_tf.training.methods import CONTROLS
from tests.experiments.report_rows import runs

ROOT = pathlib.Path(__file__).parents[2]
ITEMS, USERS, ROWS = 60, 30, 1_500


def run(module, *arguments, check=True):
    process = subprocess.run(
        [sys.executable, "-m", f"experiments.{module}", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if check:
        assert process.returncode == 0, process.stderr
    return process


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """A made-up folder in the layout of the Amazon 2014 release, with vectors."""
    folder = tmp_path_factory.mktemp("amazon2014")
    random = np.random.default_rng(0)
    with gzip.open(folder / "reviews_Beauty_5.json.gz", "wt") as reviews:
        for row in range(ROWS):
            review = {
                "reviewerID": f"user-{random.integers(USERS)}",
                "asin": f"item-{random.integers(ITEMS)}",
                "overall": float(random.integers(1, 6)),
                "unixReviewTime": 1_400_000_000 + row,
            }
            reviews.write(json.dumps(review) + "\n")
    with gzip.open(folder / "meta_Beauty.json.gz", "wt") as metadata:
        for item in range(ITEMS):
            record = {"asin": f"item-{item}", "title": "soap", "brand": f"b{item % 3}"}
            metadata.write(f"{record!r}\n")
    np.savez(
        folder / "item_embeddings_Beauty.npz",
        item_id=np.array([f"item-{item}" for item in range(ITEMS)]),
        embedding=random.standard_normal((ITEMS, 24)).astype(np.float16),
    )
    return folder


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


def test_runs_on_other_rows_are_not_compared(tmp_path):
    for name, data in (("one", "a" * 64), ("other", "b" * 64)):
        rows = np.zeros(4, np.float32)
        Predictions("test", data, rows, rows, rows.astype(int), rows > 0).save(
            tmp_path / name
        )
    folders = f"--one={tmp_path / 'one'}", f"--other={tmp_path / 'other'}"
    process = run("compare_runs", *folders, check=False)
    assert process.returncode != 0
    assert "same rows. Received: the test part of data aaaaaaaa" in process.stderr
    assert "Traceback" not in process.stderr
    folders = f"--one={tmp_path}", f"--other={tmp_path / 'other'}"
    process = run("compare_runs", *folders, check=False)
    assert "finished run that keeps its model" in process.stderr


def test_runs_on_too_few_users_are_told_to_have_no_interval(tmp_path):
    labels = np.array([0, 1, 0, 1], np.float32)
    of_one_user = np.zeros(4, int), np.zeros(4, bool)
    Predictions("test", "a" * 64, labels, labels, *of_one_user).save(tmp_path)
    told = run("compare_runs", f"--one={tmp_path}", f"--other={tmp_path}").stdout
    assert "no interval: It takes at least two users" in told


def test_a_folder_without_the_files_is_an_error_that_says_what_to_do(tmp_path):
    process = run(
        "train_ranker",
        "--dataset=amazon/beauty",
        f"--data_dir={tmp_path}",
        f"--workdir={tmp_path / 'run'}",
        check=False,
    )
    assert process.returncode != 0
    last = process.stderr.strip().splitlines()[-1]
    assert "reviews_Beauty_5.json.gz" in last
    assert "is empty" in last


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
    process = run(
        "train_ranker",
        "--dataset=amazon/beauty",
        f"--data_dir={tmp_path}",
        f"--workdir={tmp_path / 'run'}",
        check=False,
    )
    assert process.returncode != 0
    assert "Use the protocol 'implicit'" in process.stderr


@pytest.fixture(scope="module")
def own_files(tmp_path_factory):
    """A log of shown items, and attributes and vectors of these and more items."""
    folder = tmp_path_factory.mktemp("own")
    random = np.random.default_rng(0)
    shown = random.integers(ITEMS, size=ROWS)
    log = pa.table(
        {
            "user_id": random.integers(USERS, size=ROWS),
            "item_id": shown,
            "timestamp": np.arange(ROWS) + 1_400_000_000,
            "click": shown % 2,
            "page": ["start"] * ROWS,
        }
    )
    pq.write_table(log, folder / "log.parquet")
    items = range(ITEMS + 5)
    lines = [f"{item},b{item % 2},{'red' if item % 3 else 'blue'}\n" for item in items]
    (folder / "items.csv").write_text("item_id,brand,colour\n" + "".join(lines))
    np.savez(
        folder / "vectors.npz",
        item_id=np.arange(ITEMS + 5),
        embedding=random.standard_normal((ITEMS + 5, 24)).astype(np.float16),
    )
    return folder


def test_a_log_of_ones_own_is_compared_and_exported(own_files, tmp_path):
    told = run(
        "train_ranker",
        f"--interactions={own_files / 'log.parquet'}",
        f"--vectors={own_files / 'vectors.npz'}",
        f"--items={own_files / 'items.csv'}",
        "--attributes=brand,colour",
        "--methods=none,moc",
        "--num_codes=2",
        "--codebook_size=8",
        "--seeds=1",
        "--num_workers=1",
        "--max_epochs=8",
        "--learning_rate=0.02",
        "--batch_size=64",
        f"--workdir={tmp_path / 'run'}",
    ).stdout
    assert "dcn_v2 on files/log, protocol click, 1 seeds" in told
    lines = (tmp_path / "run/results.jsonl").read_text().splitlines()
    results = [json.loads(line) for line in lines]
    assert [(r["dataset"], r["protocol"]) for r in results] == [
        ("files/log", "click")
    ] * 2
    # An item is clicked or is not, and its brand says so: chance is .5.
    assert all(r["auc"] > 0.95 for r in results)
    exported = run(
        "export_ranker",
        f"--run={tmp_path / 'run' / results[1]['run']}",
        f"--out={tmp_path / 'export'}",
    )
    assert exported.returncode == 0
    serve = tf.saved_model.load(tmp_path / "export").signatures["serving_default"]
    answer = serve(user=tf.constant(["1", "1"]), item=tf.constant(["7", "8"]))
    clicked, passed_over = answer["probability"].numpy()
    assert clicked > 0.5 > passed_over


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--vectors=V", "--items=I", "--attributes=size"], r"no item has 'size'"),
        (["--vectors=V", "--items=I"], r"--items and --attributes need one another"),
        (["--vectors=V", "--protocol=rating"], r"'rating' needs ratings"),
        (["--vectors=V", "--dataset=planted"], r"must be no --dataset"),
        ([], r"--interactions needs --vectors"),
    ],
    ids=["no such attribute", "no attribute", "no ratings", "two data sets", "vectors"],
)
def test_files_of_ones_own_that_do_not_fit_are_told(
    own_files, tmp_path, flags, message
):
    paths = {"V": own_files / "vectors.npz", "I": own_files / "items.csv"}
    given = [flag if "=" not in flag else _with_path(flag, paths) for flag in flags]
    process = run(
        "train_ranker",
        f"--interactions={own_files / 'log.parquet'}",
        *given,
        f"--workdir={tmp_path / 'run'}",
        check=False,
    )
    assert process.returncode != 0
    assert re.search(message, process.stderr)
    assert "Traceback" not in process.stderr
    assert not (tmp_path / "run").exists()


def _with_path(flag, paths):
    name, value = flag.split("=")
    return f"{name}={paths.get(value, value)}"


def test_a_data_set_in_files_of_ones_own_is_the_same_data_set(release, tmp_path):
    built_in = load_dataset("amazon/beauty", data_dir=str(release))
    log, catalogue = load_amazon("beauty", release)
    columns = {
        "user_id": log.user_ids,
        "item_id": log.item_ids,
        "timestamp": log.timestamps,
        "rating": log.ratings,
    }
    pq.write_table(pa.table(columns), tmp_path / "log.parquet")
    items = pa.table(
        {"item_id": catalogue.item_ids, "brand": catalogue.attributes["brand"]}
    )
    pq.write_table(items, tmp_path / "items.parquet")
    vectors = str(release / "item_embeddings_Beauty.npz")
    items = str(tmp_path / "items.parquet")
    files = Files(str(tmp_path / "log.parquet"), vectors, items, ("brand",))
    own = files.load("rating")
    assert own.ranking.sha256 == built_in.ranking.sha256
    assert own.ranking.item_features_sha256 == built_in.ranking.item_features_sha256
    assert own.ranking.schema == built_in.ranking.schema
    np.testing.assert_array_equal(own.vectors.vectors, built_in.vectors.vectors)


def test_an_item_of_the_log_without_a_vector_is_named(own_files, tmp_path):
    with np.load(own_files / "vectors.npz") as arrays:
        keep = arrays["item_id"] != 11
        np.savez(tmp_path / "few.npz", **{k: v[keep] for k, v in arrays.items()})
    files = Files(str(own_files / "log.parquet"), str(tmp_path / "few.npz"))
    with pytest.raises(ValueError, match=r"'11'"):
        files.load("click")


@pytest.mark.parametrize(
    ("rows", "click", "message"),
    [
        (slice(None), 1, r"the train part .* labels \[1\.0\] alone.*'implicit'"),
        (slice(ROWS * 8 // 10, ROWS * 9 // 10), 0, r"the validation part .*\[0\.0\]"),
        (slice(ROWS * 9 // 10, None), 0, r"the test part .*\[0\.0\]"),
    ],
)
def test_a_part_of_one_label_is_named(own_files, tmp_path, rows, click, message):
    log = pq.read_table(own_files / "log.parquet")
    clicks = log["click"].to_numpy().copy()
    clicks[rows] = click
    path = tmp_path / "log.parquet"
    pq.write_table(log.set_column(3, "click", pa.array(clicks)), path)
    files = Files(str(path), str(own_files / "vectors.npz"))
    with pytest.raises(ValueError, match=rf"log\.parquet: {message}"):
        files.load("click")
    assert files.load("implicit").ranking.test.labels.mean() == 0.5


def test_attributes_without_a_log_are_refused(tmp_path):
    process = run(
        "train_ranker", "--attributes=brand", f"--workdir={tmp_path}", check=False
    )
    assert process.returncode != 0
    assert "--interactions, which is missing" in process.stderr


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


def test_unknown_data_sets_of_the_baseline_are_refused(tmp_path):
    arguments = ["--datasets=amazon/books:rating", f"--out={tmp_path}"]
    process = run("content_baseline", *arguments, check=False)
    assert process.returncode != 0
    assert "amazon/books:rating" in process.stderr
    assert not list(tmp_path.iterdir())


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


def test_the_quickstart_writes_table_picture_and_results(tmp_path):
    small = ["--seeds=1", "--num_codes=2,3", "--num_workers=1"]
    process = run("quickstart", *small, f"--workdir={tmp_path}")
    assert "true_factors" in process.stdout
    assert str(tmp_path / "auc_by_codes.png") in process.stdout
    assert (tmp_path / "auc_by_codes.png").read_bytes().startswith(b"\x89PNG")
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 5


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
