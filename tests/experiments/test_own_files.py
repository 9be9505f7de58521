"""A data set in files of the user's own, from the log to a ranker that serves."""

import dataclasses
import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from experiments.datasets import Files, Loader, load_dataset
from moc_tf.data import load_amazon
from tests.experiments.binaries import ITEMS, ROWS, USERS, run


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


def test_a_log_is_trained_on_and_exported(own_files, tmp_path):
    told = run(
        "train_ranker",
        f"--interactions={own_files / 'log.parquet'}",
        f"--vectors={own_files / 'vectors.npz'}",
        f"--items={own_files / 'items.csv'}",
        "--attributes=brand,colour",
        "--methods=moc",
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
    assert [(r["dataset"], r["protocol"]) for r in results] == [("files/log", "click")]
    # An item is clicked or is not, and its brand says so: chance is .5.
    assert results[0]["auc"] > 0.95
    exported = run(
        "export_ranker",
        f"--run={tmp_path / 'run' / results[0]['run']}",
        f"--out={tmp_path / 'export'}",
    )
    assert exported.returncode == 0
    serve = tf.saved_model.load(tmp_path / "export").signatures["serving_default"]
    answer = serve(user=tf.constant(["1", "1"]), item=tf.constant(["7", "8"]))
    clicked, passed_over = answer["probability"].numpy()
    assert clicked > 0.5 > passed_over


@pytest.mark.parametrize(
    ("change", "protocol", "message"),
    [
        ({"attributes": ("size",)}, "click", "no item has 'size'"),
        ({"attributes": ()}, "click", "--items and --attributes need one another"),
        ({"items": None}, "click", "--items and --attributes need one another"),
        ({}, "rating", "'rating' needs ratings"),
    ],
    ids=["no such attribute", "no attribute", "no items", "no ratings"],
)
def test_files_that_do_not_fit_are_told(own_files, change, protocol, message):
    paths = (own_files / name for name in ("log.parquet", "vectors.npz", "items.csv"))
    files = dataclasses.replace(Files(*map(str, paths), ("brand",)), **change)
    with pytest.raises(ValueError, match=message):
        files.load(protocol)


def test_a_built_in_data_set_is_the_same_in_files(release, tmp_path):
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


def test_workers_of_a_search_load_them_by_name(own_files):
    files = Files(str(own_files / "log.parquet"), str(own_files / "vectors.npz"))
    loader = Loader(files=files)
    sent = pickle.loads(pickle.dumps(loader))
    assert sent == loader
    assert hash(sent) == hash(loader)
    ranking, vectors = sent("files/log", "click")
    assert (ranking.name, ranking.protocol) == ("files/log", "click")
    assert len(vectors.item_ids) == ITEMS + 5
    with pytest.raises(ValueError, match="must be one of"):
        sent("files/others", "click")


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
