"""The code of the README runs as it stands there."""

import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf

import moc_tf
from moc_tf.data import load_item_vectors
from moc_tf.indexing import AutoencoderConfig, methods
from moc_tf.training import RankerConfig, methods_named

README = pathlib.Path(__file__).parents[1] / "README.md"


def test_the_code_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    items, rows = 300, 1_000
    item_ids = [f"item-{i}" for i in range(items)]
    clicks = {
        "user_id": random.integers(50, size=rows).astype(str),
        "item_id": random.choice(item_ids, rows),
        "clicked": random.integers(2, size=rows).astype(np.float32),
    }
    pathlib.Path("items.jsonl").write_text(
        '{"item_id": "a", "title": "Soap", "brand": "Dove"}\n'
        '{"item_id": "b", "title": "Tea"}\n'
    )
    namespace = {
        "llm": lambda texts: np.array([[len(text), 1.0] for text in texts]),
        "item_ids": item_ids,
        "vectors": random.standard_normal((items, 48)).astype(np.float32),
        "new_ids": ["new-0", "new-1", "new-2"],
        "new_vectors": random.standard_normal((3, 48)).astype(np.float32),
        "train": tf.data.Dataset.from_tensor_slices(clicks).batch(128),
    }
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        exec(compile(block, str(README), "exec"), namespace)
    assert namespace["new_codes"].shape == (3, 7)
    assert namespace["table"].manifest["method"] == "moc"
    exported = tf.saved_model.load("exports/ranker/1").signatures["serving_default"]
    user_id = tf.constant(["1", "1", "1"])
    item_id = tf.constant(["item-0", "new-0", "strange"])
    served = exported(user_id=user_id, item_id=item_id)["probability"].numpy()
    assert len(np.unique(served)) == 3
    embedded = load_item_vectors("items.npz")
    assert embedded.item_ids.tolist() == ["a", "b"]
    expected = np.array([len("Tea"), 1]) / 10**0.5  # no brand, and unit length
    np.testing.assert_allclose(embedded.vectors[1], expected, atol=1e-3)
    ranker, schema = namespace["ranker"], namespace["schema"]
    assert ranker(schema.example_batch()).shape == (1,)


DOCS = README.parent / "docs"


def test_parts_of_ones_own_are_used_as_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(methods, "_METHODS", dict(methods._METHODS))
    namespace = {}
    text = (DOCS / "extending.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    rankers = []
    for block in blocks:
        exec(compile(block, "extending.md", "exec"), namespace)
        if "make_ranker" in block:
            rankers.append(namespace["ranker"])
    batch = namespace["schema"].example_batch()
    assert [ranker(batch).shape for ranker in rankers] == [(1,)] * 2

    indexer = namespace["indexer"]
    vectors = np.random.default_rng(0).standard_normal((50, 12)).astype(np.float32)
    codes = indexer.fit(vectors).encode(vectors)
    assert codes.shape == (50, 3)
    assert set(codes.ravel()) == {0, 1, 2, 3}
    np.testing.assert_array_equal(indexer.encode(vectors * 2 - vectors.mean(0)), codes)
    indexer.save("indexer")
    again = moc_tf.indexing.load_indexer("indexer")
    np.testing.assert_array_equal(again.encode(vectors), codes)
    assert methods_named(["none", "signs"], [3])[1].id == "signs-3"


def test_the_options_that_the_page_on_the_paper_names_exist():
    text = (DOCS / "paper.md").read_text()
    named = re.findall(r'`([a-z_]+)=("?)([a-z_0-9.]+)\1?"?`', text)
    assert len(named) > 10
    for name, _, value in named:
        given = {name: int(value) if value.isdigit() else value}
        if name in RankerConfig.__dataclass_fields__ and name != "hidden_units":
            RankerConfig(**given)
        elif name == "commitment_cost":
            assert getattr(AutoencoderConfig(), name) == float(value)
        else:
            AutoencoderConfig(**given)


@pytest.mark.parametrize("page", [README, *sorted(DOCS.glob("*.md"))], ids=str)
def test_what_a_page_links_to_exists(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())
    assert links or page.name == "extending.md"
    for link in links:
        assert (page.parent / link).exists(), link
