import dataclasses
import shutil

import numpy as np
import pytest

from moc_tf.code_table import CodeTable
from moc_tf.data import prepare_ranking_data
from moc_tf.indexing import load_indexer
from moc_tf.training import Method
from moc_tf.training.method_codes import MethodCodes
from moc_tf.training.run_directory import EpochLogger

MOC = Method("moc", 2)
OPTIONS = {"codebook_size": 16, "hidden_units": (16,), "epochs": 3}


@pytest.fixture
def make(data, planted):
    def make(workdir):
        return MethodCodes(data, planted.vectors, OPTIONS, workdir, {})

    return make


def only(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


@pytest.fixture
def epochs(monkeypatch):
    """Epochs of fits, as they are done; one more than `break_at` breaks off."""
    done, log = Epochs(), EpochLogger.on_epoch_end

    def log_or_break(self, epoch, logs=None):
        if epoch == done.break_at:
            raise KeyboardInterrupt
        done.append(epoch)
        log(self, epoch, logs)

    monkeypatch.setattr(EpochLogger, "on_epoch_end", log_or_break)
    return done


class Epochs(list):
    break_at = None


def test_a_fit_that_was_broken_off_goes_on(make, epochs, tmp_path):
    unbroken = make(tmp_path / "whole").table(MOC, seed=0)
    assert epochs == [0, 1, 2]
    assert not list((tmp_path / "whole").glob("indexer_checkpoints/*/*"))

    workdir, epochs.break_at = tmp_path / "broken", 1
    with pytest.raises(KeyboardInterrupt):
        make(workdir).table(MOC, seed=0)
    assert only(workdir, "indexer_checkpoints/moc-2/seed-0-*")
    assert not (workdir / "codes").exists()
    epochs.clear()
    epochs.break_at = None
    table = make(workdir).table(MOC, seed=0)
    np.testing.assert_array_equal(table.codes, unbroken.codes)
    assert epochs == [1, 2]  # the first was not gone through again
    assert not list(workdir.glob("indexer_checkpoints/*/*"))


def test_a_checkpoint_that_outlived_its_table_is_removed(make, epochs, tmp_path):
    codes = make(tmp_path)
    table = codes.table(MOC, seed=0)
    name = only(tmp_path, "codes/moc-2/seed-0-*").name
    checkpoint = tmp_path / "indexer_checkpoints" / "moc-2" / name
    checkpoint.mkdir(parents=True)
    epochs.clear()
    np.testing.assert_array_equal(codes.table(MOC, seed=0).codes, table.codes)
    assert epochs == []  # read, not made
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


def test_controls_have_no_codes(make, tmp_path):
    codes = make(tmp_path)
    for method in (Method("none", 0), Method("adaptor", 2), Method("id_me", 2)):
        codes.check(method, with_codebooks=False)
        assert codes.table(method, seed=0) is None
        assert codes.identity(method, seed=0) == codes.folders(method, seed=0) == {}
    assert not list(tmp_path.iterdir())


def test_protocols_with_the_same_training_items_share_codes(
    make, data, planted, epochs, tmp_path
):
    table = make(tmp_path).table(MOC, seed=0)
    epochs.clear()
    implicit = prepare_ranking_data(
        planted.interactions, planted.catalogue, "implicit", "planted"
    )
    assert implicit.sha256 != data.sha256
    codes = MethodCodes(implicit, planted.vectors, OPTIONS, tmp_path, {})
    assert codes.table(MOC, seed=0).sha256() == table.sha256()
    assert epochs == []


def test_codes_of_other_training_items_are_made_anew(make, data, planted, tmp_path):
    path = make(tmp_path).folders(MOC, seed=0)["codes"]
    rows = dataclasses.replace(data.train, item_rows=data.train.item_rows * 0)
    fewer = dataclasses.replace(data, train=rows)
    codes = MethodCodes(fewer, planted.vectors, OPTIONS, tmp_path, {})
    assert codes.folders(MOC, seed=0)["codes"] != path


def cut_off(folder):
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text()[:100])


@pytest.mark.parametrize(
    ("lost", "harm"),
    [("codes", cut_off), ("indexers", cut_off), ("indexers", shutil.rmtree)],
)
def test_what_is_damaged_or_gone_is_made_again(make, lost, harm, tmp_path):
    pq = Method("pq", 2)
    table = make(tmp_path).table(pq, seed=0)
    harm(only(tmp_path, f"{lost}/pq-2/seed-0-*"))
    again = make(tmp_path).table(pq, seed=0)
    np.testing.assert_array_equal(again.codes, table.codes)
    assert CodeTable.load(only(tmp_path, "codes/pq-2/seed-0-*")) == again
    indexer = load_indexer(only(tmp_path, "indexers/pq-2/seed-0-*"))
    assert indexer.config.seed == 0
