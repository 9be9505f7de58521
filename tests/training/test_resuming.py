"""A training that was broken off goes on, and ends as an unbroken one does."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from moc_tf._artefact import ArtefactError, read_artefact
from moc_tf._keras import keras
from moc_tf.data import PlantedConfig, make_planted, prepare_ranking_data
from moc_tf.training import Comparison, Method, RankerConfig, RankerTrainer
from moc_tf.training.run_directory import EpochLogger

SEED, EPOCHS = 5, 3
CONFIG = RankerConfig(
    model="deepfm",
    hidden_units=(8,),
    embedding_dim=4,
    hidden_share=0.2,  # its draws must go on as well
    batch_size=200,
    max_epochs=EPOCHS,
    patience=3,
    steps_per_execution=2,
    learning_rate=0.01,
    average_decay=0.9,
)


def small():
    planted = make_planted(
        PlantedConfig(
            num_items=60,
            num_users=40,
            num_interactions=1_500,
            num_factors=3,
            num_values=4,
        )
    )
    data = prepare_ranking_data(
        planted.interactions, planted.catalogue, "rating", "planted"
    )
    return data, planted.true_factors


class Interrupted(Exception):
    pass


class Watch(keras.callbacks.Callback):
    """Notes the epochs; breaks off in the middle of one, by exception or by kill."""

    def __init__(self, break_in=None, by_kill=False):
        super().__init__()
        self.begun = []
        self._break_in = break_in
        self._by_kill = by_kill

    def on_epoch_begin(self, epoch, logs=None):
        self.begun.append(epoch)

    def on_train_batch_end(self, batch, logs=None):
        if self.begun[-1] == self._break_in:
            if self._by_kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise Interrupted


def outcome(trained):
    return dataclasses.replace(trained, train_seconds=0.0, examples_per_second=0.0)


class Lab:
    """One trainer for all tests, so that the model is traced once."""

    def __init__(self):
        self.data, self.table = small()
        self.trainer = self.new_trainer()

    def new_trainer(self, config=CONFIG):
        return RankerTrainer(config, self.data, self.data.schema_with(self.table))

    def train(self, checkpoint=None, seed=SEED, watch=None, trainer=None):
        trainer = trainer or self.trainer
        callbacks = [watch] if watch else []
        trained = trainer.train(seed, self.table, callbacks, checkpoint=checkpoint)
        return outcome(trained), trainer.model.get_weights()


@pytest.fixture(scope="module")
def lab():
    return Lab()


@pytest.fixture(scope="module")
def unbroken(lab):
    return lab.train()


def assert_same(one, other):
    assert other[0] == one[0]
    for weight, expected in zip(other[1], one[1], strict=True):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize("broken_in", [0, 2])
def test_it_ends_as_if_nothing_had_happened(broken_in, lab, unbroken, tmp_path):
    with pytest.raises(Interrupted):
        lab.train(tmp_path, watch=Watch(broken_in))
    lab.train(seed=SEED + 1)  # leaves other weights, moments and best epoch behind
    watch = Watch()
    assert_same(unbroken, lab.train(tmp_path, watch=watch))
    assert watch.begun == list(range(broken_in, EPOCHS))


def test_a_checkpoint_changes_nothing(lab, unbroken, tmp_path):
    assert_same(unbroken, lab.train(tmp_path / "it"))
    before = read_artefact(tmp_path / "it", "fit_checkpoint")[1]["seconds"]
    watch = Watch()
    trained = lab.trainer.train(SEED, lab.table, [watch], checkpoint=tmp_path / "it")
    assert outcome(trained) == unbroken[0]
    assert watch.begun == []  # a finished training is not done again
    assert trained.train_seconds > before > 0  # time before an interruption counts


def test_best_weights_of_an_epoch_before_the_interruption_come_back(lab, tmp_path):
    impatient = dataclasses.replace(
        CONFIG, patience=1, learning_rate=0.1, max_epochs=50, batch_size=600
    )
    trainer = lab.new_trainer(impatient)
    expected = lab.train(tmp_path / "it", trainer=trainer)
    assert expected[0].best_epoch == expected[0].num_epochs - 2 < 48
    # Broken off after patience ran out: there is nothing left but to restore.
    watch = Watch()
    again = lab.train(tmp_path / "it", watch=watch, trainer=lab.new_trainer(impatient))
    assert watch.begun == []
    assert_same(expected, again)


def test_the_checkpoint_of_another_training_is_replaced(lab, unbroken, tmp_path):
    with pytest.raises(Interrupted):
        lab.train(tmp_path, seed=SEED + 1, watch=Watch(2))
    watch = Watch()
    assert_same(unbroken, lab.train(tmp_path, watch=watch))
    assert watch.begun == list(range(EPOCHS))
    assert read_artefact(tmp_path, "fit_checkpoint")[1]["epochs_done"] == EPOCHS


def test_a_folder_of_something_else_is_left_alone(lab, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ArtefactError, match=r"notes\.txt"):
        lab.train(tmp_path)


def compare(lab, workdir):
    comparison = Comparison(
        "test",
        lab.data,
        make_planted(PlantedConfig(num_items=60, num_users=40)).vectors,
        [Method("true_factors", 3)],
        [0],
        CONFIG,
        {},
        workdir,
        {"true_factors": lab.table},
    )
    (progress,) = comparison.run()
    noisy = ("train_seconds", "examples_per_second", "peak_rss_mb")
    (run,) = workdir.glob("runs/*/*/*/*")
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return (
        {k: v for k, v in progress.result.items() if k not in noisy},
        [{**json.loads(line), "epoch_seconds": 0} for line in lines],
        run,
    )


@pytest.mark.slow
def test_a_run_goes_on_and_logs_each_epoch_once(lab, tmp_path, monkeypatch):
    result, logs, run = compare(lab, tmp_path / "unbroken")
    assert [entry["epoch"] for entry in logs] == list(range(EPOCHS))
    assert not (run / "progress").exists()

    log = EpochLogger.on_epoch_end

    def log_and_break_off(self, epoch, logs=None):
        log(self, epoch, logs)
        if epoch == 1:  # logged, and not yet in the checkpoint
            raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(EpochLogger, "on_epoch_end", log_and_break_off)
        with pytest.raises(Interrupted):
            compare(lab, tmp_path / "broken")
    (run,) = (tmp_path / "broken").glob("runs/*/*/*/*")
    assert read_artefact(run / "progress", "fit_checkpoint")[1]["epochs_done"] == 1
    assert not (run / "result.json").exists()
    with open(run / "metrics.jsonl", "a") as lines:
        lines.write('{"epoch": 2, "logl')  # cut off in the middle of a line
    assert compare(lab, tmp_path / "broken")[:2] == (result, logs)
    assert not (run / "progress").exists()


@pytest.mark.slow
def test_a_killed_training_ends_as_an_unbroken_one(lab, unbroken, tmp_path):
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path / "it")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-3000:]
    watch = Watch()
    again = lab.train(tmp_path / "it", watch=watch)
    assert watch.begun == [1, 2]
    assert_same(unbroken, again)


if __name__ == "__main__":
    Lab().train(Path(sys.argv[1]), watch=Watch(1, by_kill=True))
