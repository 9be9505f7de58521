"""The comparison of indexing methods, on made-up vectors."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from experiments import indexer_figures
from moc_tf.data import ItemVectors
from moc_tf.indexing import make_indexer

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def items():
    vectors = np.random.default_rng(0).normal(size=(80, 6)).astype(np.float32)
    return ItemVectors(np.array([f"item-{i}" for i in range(80)]), vectors)


def test_each_cell_is_measured_once(items, tmp_path):
    path = tmp_path / "made" / "results.jsonl"
    some = indexer_figures.cells(["pq", "random"], [2], codebook_size=4, seeds=(0,))
    rows = list(indexer_figures.run(some, items, path))
    more = indexer_figures.cells(["random", "pq"], [2, 3], codebook_size=4, seeds=(0,))
    again = list(indexer_figures.run(more, items, path))
    assert [(r["method"], r["num_codes"]) for r in again] == [
        ("random", 2),
        ("random", 3),
        ("pq", 2),
        ("pq", 3),
    ]
    # Seconds too: these two were read, not measured anew.
    assert [again[2], again[0]] == rows
    assert len(path.read_text().splitlines()) == 4
    others = ItemVectors(items.item_ids, items.vectors + 1)
    (changed,) = indexer_figures.run(some[:1], others, path)
    assert changed["vectors_sha256"] != rows[0]["vectors_sha256"]


def test_what_other_versions_measured_is_measured_anew_and_replaced(
    items, tmp_path, monkeypatch
):
    path = tmp_path / "results.jsonl"
    cells = indexer_figures.cells(["pq", "random"], [2], codebook_size=4, seeds=(0,))
    pq, random = indexer_figures.run(cells, items, path)
    earlier = {k: v for k, v in pq.items() if k != "package_versions"}
    path.write_text(json.dumps(earlier) + "\n" + json.dumps(random) + "\n")
    anew, same = indexer_figures.run(cells, items, path)
    assert anew["package_versions"] == random["package_versions"]
    assert same == random  # its seconds too
    other = anew["configuration"] | {"codebook_size": 5}  # a default that has changed
    path.write_text(json.dumps({**anew, "configuration": other}) + "\n")
    (again,) = indexer_figures.run(cells[:1], items, path)
    assert again["configuration"] == anew["configuration"]
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            '{"suite": "train_ranker", "method": "pq"}',
            r"indexers alone.*'train_ranker'",
        ),
        ('{"method": "pq", "opt', r"results.jsonl must be a JSON object.*line 1"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(
    lines, message, items, tmp_path
):
    path = tmp_path / "results.jsonl"
    path.write_text(lines)
    cells = indexer_figures.cells(["pq"], [2], codebook_size=4, seeds=(0,))
    with pytest.raises(ValueError, match=message):
        indexer_figures.run(cells, items, path)
    assert path.read_text() == lines


def test_a_method_or_number_that_is_repeated_is_refused():
    for names, counts in ((["pq", "pq"], [2]), (["pq"], [2, 2])):
        with pytest.raises(ValueError, match="must be all different"):
            indexer_figures.cells(names, counts, codebook_size=4, seeds=(0,))


def test_figures_are_those_of_the_indexer(items, tmp_path):
    (cell,) = indexer_figures.cells(["pq"], [3], codebook_size=8, seeds=(5,))
    (row,) = indexer_figures.run([cell], items, tmp_path / "results.jsonl")
    indexer = make_indexer("pq", num_codebooks=3, codebook_size=8, seed=5)
    quality = indexer.fit(items.vectors).quality(items.vectors)
    assert row["relative_error"] == quality.relative_error
    assert row["min_usage"] == min(quality.usage)
    assert row["mean_nmi"] == quality.mean_nmi
    assert row["unique_codes"] == quality.unique_codes


def test_seeds_are_rows_of_their_own_and_one_row_of_the_table(items, tmp_path):
    two = indexer_figures.cells(["pq", "random"], [2], codebook_size=4, seeds=(0, 1))
    rows = list(indexer_figures.run(two, items, tmp_path / "results.jsonl"))
    assert [(row["method"], row["seed"]) for row in rows] == [
        *(("pq", 0), ("pq", 1), ("random", 0), ("random", 1))
    ]
    rows[0]["relative_error"], rows[1]["relative_error"] = 0.4, 0.6
    pq, random = indexer_figures.table(rows).splitlines()[2:]
    assert "| 0.500 ± 1.271 " in pq
    assert random.split("|")[3].strip() == "-"


def test_a_single_codebook_has_no_diversity_and_vq_a_single_one():
    one, two = indexer_figures.cells(["diverse_moc"], [1, 2], 8, seeds=(0,))
    assert "diversity_weight" not in one.options
    assert two.options["diversity_weight"] > 0
    (vq,) = indexer_figures.cells(["vq"], [2, 3], 8, seeds=(0,))
    assert vq.options["num_codebooks"] == 1
    with pytest.raises(ValueError, match="Received: 'pqq'"):
        indexer_figures.cells(["pqq"], [2], 8, seeds=(0,))


def test_the_binary_writes_the_table_it_prints(items, tmp_path):
    file = tmp_path / "items.npz"
    np.savez(file, item_id=items.item_ids, embedding=items.vectors)
    command = [sys.executable, "-m", "experiments.compare_indexers"]
    command += [f"--vectors={file}", f"--workdir={tmp_path / 'out'}"]
    command += ["--methods=pq,random", "--num_codes=2,3", "--codebook_size=4"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    table = (tmp_path / "out/table.md").read_text()
    assert "80 vectors of 6 dimensions" in table
    assert table.split("\n\n")[1].strip() in done.stdout
    assert (tmp_path / "out/scaling.png").stat().st_size > 10_000
    rows = (tmp_path / "out/results.jsonl").read_text().splitlines()
    assert [json.loads(row)["num_codes"] for row in rows] == [2, 3, 2, 3]
    random = next(line for line in table.splitlines() if line.startswith("| random"))
    assert random.split("|")[3].strip() == "-"  # random codes stand for no vector
