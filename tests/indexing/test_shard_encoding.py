import dataclasses
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moc_tf._artefact import ArtefactError, artefact_sha256, file_sha256
from moc_tf.code_table import CodeTable
from moc_tf.code_table_parts import part_name, write_parts_manifest
from moc_tf.indexing import load_indexer
from moc_tf.indexing.shard_encoding import ShardEncoder


def write_shard(path, vectors, first=0):
    ids = [f"item-{first + row}" for row in range(len(vectors))]
    table = {
        "item_id": ids,
        "embedding": pa.array(list(vectors), pa.list_(pa.float32())),
    }
    pq.write_table(pa.table(table), path)
    return path


def written(folder):
    return {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "indexer"
    fitted.indexer.save(folder)
    return folder


@pytest.fixture
def encoder(saved):
    return ShardEncoder.load(saved, batch_size=7)


@pytest.fixture
def shard(vectors, tmp_path):
    return write_shard(tmp_path / "v.parquet", vectors[:30])


def test_a_part_holds_the_codes_of_its_shard_and_what_made_them(
    encoder, saved, shard, vectors, tmp_path
):
    part, made = encoder.make_part(shard, tmp_path / "part")
    assert made
    assert part.item_ids.tolist() == [f"item-{row}" for row in range(30)]
    codes = load_indexer(saved).encode(vectors[:30])
    np.testing.assert_array_equal(part.codes, codes)
    assert CodeTable.load(tmp_path / "part") == part
    assert part.manifest["indexer_sha256"] == artefact_sha256(saved, "indexer")
    assert part.manifest["input"] == {
        "shard": "v.parquet",
        "sha256": file_sha256(shard),
    }
    assert part.manifest["method"] == "moc"
    assert part.manifest["versions"] == encoder.indexer.describe()["versions"]


def test_a_shard_without_rows_becomes_a_part_without_items(encoder, tmp_path):
    shard = write_shard(tmp_path / "v.parquet", np.zeros((0, 16)))
    part, _ = encoder.make_part(shard, tmp_path / "part")
    assert part.codes.shape == (0, 3)
    assert CodeTable.load(tmp_path / "part") == part


def test_a_finished_part_is_kept(encoder, saved, shard, tmp_path):
    folder = tmp_path / "part"
    first, _ = encoder.make_part(shard, folder)
    before = written(folder)
    again = ShardEncoder.load(saved, batch_size=30)
    part, made = again.make_part(shard.rename(tmp_path / "w.parquet"), folder)
    assert not made
    assert part == first
    assert written(folder) == before


@pytest.mark.parametrize("change", ["shard", "indexer", "versions"])
def test_a_part_of_something_else_is_made_again(
    encoder, shard, vectors, tmp_path, change, monkeypatch
):
    folder = tmp_path / "part"
    encoder.make_part(shard, folder)
    if change == "shard":
        write_shard(shard, vectors[30:60])
    elif change == "indexer":
        encoder = dataclasses.replace(encoder, indexer_sha256="another")
    else:
        described = {**encoder.indexer.describe(), "versions": {"numpy": "9"}}
        monkeypatch.setattr(encoder.indexer, "describe", lambda: described)
    part, made = encoder.make_part(shard, folder)
    assert made
    np.testing.assert_array_equal(
        part.codes,
        encoder.indexer.encode(vectors[30:60] if change == "shard" else vectors[:30]),
    )
    assert CodeTable.load(folder) == part
    assert encoder.make_part(shard, folder) == (part, False)


@pytest.mark.parametrize("damage", ["codes", "item_ids", "manifest", "no manifest"])
def test_a_damaged_part_is_made_again(encoder, shard, tmp_path, damage):
    folder = tmp_path / "part"
    first, _ = encoder.make_part(shard, folder)
    if damage == "no manifest":
        (folder / "manifest.json").unlink()
        (folder / "codes.moc_tf-partial").write_bytes(b"half")
    else:
        file = next(folder.glob(f"{damage}*"))
        file.write_bytes(file.read_bytes()[:-3])
    part, made = encoder.make_part(shard, folder)
    assert made
    assert part == first == CodeTable.load(folder)
    assert len(written(folder)) == 3


def test_what_is_no_part_is_not_removed(encoder, saved, shard, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(saved, folder)
    with pytest.raises(
        ArtefactError, match=r"kind 'code_table'.* Received: .*'indexer'"
    ):
        encoder.make_part(shard, folder)
    assert artefact_sha256(folder, "indexer") == encoder.indexer_sha256
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    with pytest.raises(ArtefactError, match=r"not empty.*mine\.txt"):
        encoder.make_part(shard, other)


@pytest.mark.parametrize("beside", [[], ["notes.txt"]])
def test_files_that_are_named_like_arrays_are_not_removed(
    encoder, shard, tmp_path, beside
):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ["vectors-20240131.npy", *beside]:
        (folder / name).write_text("mine")
    before = written(folder)
    with pytest.raises(ArtefactError, match=r"not empty and holds no artefact"):
        encoder.make_part(shard, folder)
    assert written(folder) == before


def test_a_damaged_artefact_of_another_kind_is_not_removed(
    encoder, saved, shard, tmp_path
):
    folder = tmp_path / "copy"
    shutil.copytree(saved, folder)
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"moc"', '"vq"'))
    before = written(folder)
    with pytest.raises(ArtefactError, match=r"manifest\.json was altered"):
        encoder.make_part(shard, folder)
    assert written(folder) == before


def test_a_folder_is_checked_before_its_shard_is_encoded(
    encoder, shard, tmp_path, monkeypatch
):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    monkeypatch.setattr(encoder.indexer, "encode", None)
    with pytest.raises(ArtefactError, match=r"Found: 'notes\.txt'"):
        encoder.make_part(shard, tmp_path / "mine")


def test_an_item_in_several_batches_is_an_error_that_names_the_shard(
    encoder, vectors, tmp_path
):
    rows = pa.array(list(vectors[:20]), pa.list_(pa.float32()))
    ids = [f"item-{row % 15}" for row in range(20)]
    shard = tmp_path / "twice.parquet"
    pq.write_table(pa.table({"item_id": ids, "embedding": rows}), shard)
    with pytest.raises(
        ValueError, match=r"twice\.parquet cannot be encoded\. .*unique.*'item-0'"
    ):
        encoder.make_part(shard, tmp_path / "part")
    assert not (tmp_path / "part").exists()


def test_an_error_names_the_shard(encoder, vectors, tmp_path):
    narrow = write_shard(tmp_path / "narrow.parquet", vectors[:9, :5])
    with pytest.raises(
        ValueError,
        match=r"narrow\.parquet cannot be encoded\. .*fitted, 16\. Received: 5",
    ):
        encoder.make_part(narrow, tmp_path / "part")
    assert not (tmp_path / "part").exists()
    with pytest.raises(
        ValueError, match=r"batch_size must be at least 1\. Received: 0"
    ):
        dataclasses.replace(encoder, batch_size=0)


def test_all_parts_are_the_table_of_one_process(encoder, saved, vectors, tmp_path):
    for index, first in enumerate(range(0, 300, 100)):
        rows = vectors[first : first + 100]
        shard = write_shard(tmp_path / f"{index}.parquet", rows, first)
        encoder.make_part(shard, tmp_path / "table" / part_name(index, 3))
    write_parts_manifest(tmp_path / "table", 3)
    table = CodeTable.load(tmp_path / "table")
    codes = load_indexer(saved).encode(vectors)
    np.testing.assert_array_equal(table.codes, codes)
    made_by = {
        **load_indexer(saved).describe(),
        "indexer_sha256": artefact_sha256(saved, "indexer"),
    }
    assert len(table.extend(["new"], codes[:1], made_by)) == 301
    with pytest.raises(ValueError, match="another indexer"):
        table.extend(["new"], codes[:1], {**made_by, "indexer_sha256": "another"})
