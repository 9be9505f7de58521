"""What an export refuses, replaces and leaves alone."""

import dataclasses
import pathlib
import shutil

import pytest
import tensorflow as tf

from moc_tf.training import ExportError, export_run
from moc_tf.training.serving_record import ServingRecord


def test_a_foreign_folder_is_refused_and_an_earlier_export_replaced(
    runs, exported, tmp_path, monkeypatch
):
    run = runs.folder("none")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    with pytest.raises(ExportError, match=r"holds no export.*'notes.txt'"):
        export_run(run, tmp_path / "mine")
    with pytest.raises(ExportError, match="is a file"):
        export_run(run, tmp_path / "mine/notes.txt")
    out = tmp_path / "out"
    shutil.copytree(exported.path, out)

    def fail(served, path, **_):
        pathlib.Path(path).mkdir()
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("tensorflow.saved_model.save", fail)
        with pytest.raises(OSError, match="disk full"):
            export_run(run, out)
    assert "with_item_vectors" in tf.saved_model.load(str(out)).signatures
    export_run(run, out)
    assert list(tf.saved_model.load(str(out)).signatures) == ["serving_default"]
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "out"}


@pytest.fixture
def copied(runs, tmp_path):
    """A copy of the working folder, to damage, and the run of `moc` in it."""
    shutil.copytree(runs.workdir, tmp_path / "copy")
    return tmp_path / "copy" / runs.folder("moc").relative_to(runs.workdir)


def test_what_a_run_lacks_is_said_in_a_sentence(copied, tmp_path):
    def refused(match):
        with pytest.raises(ExportError, match=match):
            export_run(copied, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    table = ServingRecord.read(copied).load_table()
    codes = ServingRecord.read(copied).codes
    table.shuffled(1).save(codes)
    refused(r"no longer holds what the ranker")
    shutil.rmtree(codes)
    refused(r"cannot be read from .*codes/moc-2/seed-3-")
    table.save(codes)
    shutil.rmtree(copied / "checkpoint")
    refused(r"weights in .*checkpoint cannot be read")
    (copied / "serving.json").unlink()
    refused(r"has no serving.json that can be read")
    (copied / "result.json").unlink()
    refused(r"is not finished: it has no result.json")
    (copied / "config.json").unlink()
    refused(r"is not the folder of a run")


def test_codes_that_tell_nothing_of_new_items_are_not_encoded(runs):
    record = ServingRecord.read(runs.folder("moc"))
    shuffled = dataclasses.replace(record, shuffled_seed=5)
    assert shuffled.load_table() == record.load_table().shuffled(5)
    with pytest.raises(ValueError, match="dealt out to other items"):
        shuffled.load_indexer()
    with pytest.raises(ValueError, match="indexer that made it is not known"):
        dataclasses.replace(record, indexer=None).load_indexer()
