import json

import numpy as np
import pytest

from moc_tf.code_table import CodeTable
from moc_tf.indexing import load_indexer
from moc_tf.training import Method
from moc_tf.training.method_codes import MethodCodes
from moc_tf.training.run_directory import EpochLogger

MOC = Method("moc", 2)


@pytest.fixture
def make(data, planted):
    def make(workdir):
        options = {"codebook_size": 16, "hidden_units": (16,), "epochs": 3}
        return MethodCodes(data, planted.vectors, options, workdir)

    return make


def only(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


def epochs_logged(workdir):
    log = only(workdir, "indexer_logs/moc-2/seed-0-*/metrics.jsonl").read_text()
    return [json.loads(line)["epoch"] for line in log.splitlines()]


def break_off(monkeypatch, codes):
    """Ends the making of codes in the second epoch of the fit."""
    log = EpochLogger.on_epoch_end

    def log_or_break(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt
        log(self, epoch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(EpochLogger, "on_epoch_end", log_or_break)
        with pytest.raises(KeyboardInterrupt):
            codes.table(MOC, seed=0)


def test_a_fit_that_was_broken_off_goes_on(make, monkeypatch, tmp_path):
    unbroken = make(tmp_path / "whole").table(MOC, seed=0)
    assert not list((tmp_path / "whole").glob("indexer_checkpoints/*/*"))

    workdir = tmp_path / "broken"
    break_off(monkeypatch, make(workdir))
    assert only(workdir, "indexer_checkpoints/moc-2/seed-0-*")
    assert not (workdir / "codes").exists()
    table = make(workdir).table(MOC, seed=0)
    np.testing.assert_array_equal(table.codes, unbroken.codes)
    assert epochs_logged(workdir) == [0, 1, 2]  # the first was not gone through again
    assert not list(workdir.glob("indexer_checkpoints/*/*"))


def test_a_checkpoint_that_outlived_its_table_is_removed(make, tmp_path):
    codes = make(tmp_path)
    table = codes.table(MOC, seed=0)
    left = only(tmp_path, "codes/moc-2/seed-0-*").name
    checkpoint = tmp_path / "indexer_checkpoints" / "moc-2" / left
    checkpoint.mkdir(parents=True)
    again = codes.table(MOC, seed=0)
    np.testing.assert_array_equal(again.codes, table.codes)
    assert epochs_logged(tmp_path) == [0, 1, 2]  # read, not made
    assert not checkpoint.exists()


def test_methods_without_epochs_need_no_checkpoint(make, planted, tmp_path):
    table = make(tmp_path).table(Method("pq", 2), seed=0)
    indexer = load_indexer(only(tmp_path, "indexers/pq-2/seed-0-*"))
    np.testing.assert_array_equal(indexer.encode(planted.vectors.vectors), table.codes)
    read = CodeTable.load(only(tmp_path, "codes/pq-2/seed-0-*"))
    np.testing.assert_array_equal(read.codes, table.codes)
    assert not list(tmp_path.glob("indexer_checkpoints/*/*"))


def test_each_method_gets_the_options_that_it_has(make, tmp_path):
    codes = make(tmp_path)
    assert codes.indexer(MOC, seed=3).config.epochs == 3
    assert codes.indexer(MOC, seed=3).config.seed == 3
    assert codes.indexer(Method("pq", 2), seed=3).config.codebook_size == 16
    with pytest.raises(ValueError, match="Received: 'given'"):
        codes.indexer(Method("given", 2), seed=0)
