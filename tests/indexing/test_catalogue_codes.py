import numpy as np
import pytest

from moc_tf.data import ItemVectors
from moc_tf.indexing import NotFittedError, index_items, make_indexer

OPTIONS = {"codebook_size": 4, "codebook_dim": 2, "hidden_units": (8,), "epochs": 2}


@pytest.fixture
def items():
    vectors = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32)
    return ItemVectors([f"item-{i}" for i in range(40)], vectors)


def test_the_table_holds_codes_quality_and_provenance(items):
    indexer = make_indexer("moc", num_codebooks=3, seed=5, **OPTIONS)
    indexer.fit(items.vectors[:30])  # the others are new
    table = index_items(indexer, items, {"log": "2014"})
    assert table.item_ids.tolist() == items.item_ids.tolist()
    np.testing.assert_array_equal(table.codes, indexer.encode(items.vectors))
    assert table.codebook_size == 4
    manifest = table.manifest
    assert manifest["method"] == "moc"
    assert manifest["configuration"]["seed"] == 5
    assert manifest["fit"]["items"] == 30
    assert manifest["log"] == "2014"
    assert manifest["vectors_sha256"] == items.sha256()
    expected = indexer.quality(items.vectors).relative_error
    assert manifest["quality"]["relative_error"] == pytest.approx(expected)


def test_an_unfitted_indexer_is_refused(items):
    with pytest.raises(NotFittedError, match="fit"):
        index_items(make_indexer("vq", **OPTIONS), items)


@pytest.mark.parametrize("number", [1, 3])
def test_new_items_may_come_one_by_one_or_be_equal(items, number):
    indexer = make_indexer("pq", num_codebooks=2, codebook_size=4).fit(items.vectors)
    new = ItemVectors([f"new-{i}" for i in range(number)], items.vectors[[5] * number])
    table = index_items(indexer, new)
    np.testing.assert_array_equal(table.codes, indexer.encode(new.vectors))
    assert table.manifest["quality"]["relative_error"] is None


def test_items_are_encoded_once(items, monkeypatch):
    indexer = make_indexer("pq", num_codebooks=2, codebook_size=4).fit(items.vectors)
    encode, rows = indexer._encode, []
    monkeypatch.setattr(
        indexer, "_encode", lambda batch: rows.append(len(batch)) or encode(batch)
    )
    index_items(indexer, items)
    assert sum(rows) == 40
