import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import moc_tf
from moc_tf._artefact import ArtefactError, read_artefact, write_artefact
from moc_tf.indexing import load_indexer


@pytest.fixture
def saved(indexer, tmp_path):
    indexer.save(tmp_path / "indexer")
    return tmp_path / "indexer"


def test_a_loaded_indexer_is_the_saved_one(wide, on_the_border, tmp_path):
    wide.save(tmp_path / "indexer")
    loaded = load_indexer(tmp_path / "indexer")
    assert (loaded.method, loaded.config) == (wide.method, wide.config)
    codes = wide.encode(on_the_border)
    np.testing.assert_array_equal(loaded.encode(on_the_border), codes)
    np.testing.assert_array_equal(loaded.encode(on_the_border[:7]), codes[:7])
    np.testing.assert_array_equal(loaded.decode(codes), wide.decode(codes))


def test_what_made_the_codes_is_saved_with_them(indexer, saved):
    before = indexer.describe()
    after = load_indexer(saved).describe()
    assert after == before


def test_another_process_gives_the_same_codes(wide, on_the_border, tmp_path):
    wide.save(tmp_path / "indexer")
    np.save(tmp_path / "vectors.npy", on_the_border)
    script = """
import numpy as np
from moc_tf.indexing import load_indexer

indexer = load_indexer("indexer")
vectors = np.load("vectors.npy")
codes = indexer.encode(vectors)
parts = [indexer.encode(vectors[row : row + 7]) for row in range(0, len(vectors), 7)]
np.savez("codes.npz", whole=codes, parts=np.concatenate(parts))
np.save("decoded.npy", indexer.decode(codes))
"""
    root = Path(moc_tf.__file__).parents[1]
    subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
        capture_output=True,
    )
    expected = wide.encode(on_the_border)
    with np.load(tmp_path / "codes.npz") as codes:
        np.testing.assert_array_equal(codes["whole"], expected)
        np.testing.assert_array_equal(codes["parts"], expected)
    np.testing.assert_array_equal(
        np.load(tmp_path / "decoded.npy"), wide.decode(expected)
    )


def test_saving_again_replaces(indexer, saved, codes, vectors):
    indexer.save(saved)
    np.testing.assert_array_equal(load_indexer(saved).encode(vectors), codes)


@pytest.mark.parametrize("pattern", ["*codebooks*.npy", "scale*.npy", "manifest.json"])
def test_an_altered_artefact_is_refused(saved, pattern):
    (file,) = saved.glob(pattern)
    content = bytearray(file.read_bytes())
    content[-10] ^= 1
    file.write_bytes(content)
    with pytest.raises(ArtefactError):
        load_indexer(saved)


def test_a_missing_array_is_refused(saved):
    next(saved.glob("*codebooks*.npy")).unlink()
    with pytest.raises(ArtefactError, match="is missing"):
        load_indexer(saved)


def test_an_artefact_of_another_kind_is_refused(tmp_path, indexer):
    folder = tmp_path / "table"
    moc_tf.CodeTable(["a"], [[0]], codebook_size=1).save(folder)
    with pytest.raises(ArtefactError, match=r"kind 'indexer'.* kind 'code_table'"):
        load_indexer(folder)
    with pytest.raises(ArtefactError, match=r"kind 'indexer'.* kind 'code_table'"):
        indexer.save(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "pqq"}, r"must be one of .*Received: 'pqq'"),
        ({"method": "vq"}, r"'vq' has one codebook.*num_codebooks=3"),
    ],
)
def test_the_manifest_of_another_method_is_refused(saved, change, message):
    arrays, manifest = read_artefact(saved, "indexer")
    write_artefact(saved, "indexer", arrays, {**manifest, **change})
    with pytest.raises(ValueError, match=message):
        load_indexer(saved)


def test_the_configuration_of_another_indexer_is_refused(saved):
    arrays, manifest = read_artefact(saved, "indexer")
    configuration = {**manifest["configuration"], "codebook_size": 9}
    write_artefact(
        saved, "indexer", arrays, {**manifest, "configuration": configuration}
    )
    with pytest.raises(ValueError, match=r"\(3, 9, 4\).*\(3, 8, 4\)"):
        load_indexer(saved)
