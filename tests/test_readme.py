"""The code of the README runs as it stands there."""

import pathlib
import re

import numpy as np
import tensorflow as tf

from moc_tf.data import load_item_vectors

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


def test_what_the_readme_links_to_exists():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README.read_text())
    assert links
    for link in links:
        assert (README.parent / link).exists(), link
