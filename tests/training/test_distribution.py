"""Replicas, workers and servers train as one process does, each in their own."""

import faulthandler
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.data import PlantedConfig, make_planted, prepare_ranking_data
from moc_tf.evaluation import information_abundance
from moc_tf.training import (
    DistributionError,
    RankerConfig,
    RankerTrainer,
    make_strategy,
    writes,
)
from moc_tf.training.distribution import DISTRIBUTIONS, agreed, fit_arguments
from moc_tf.training.local_cluster import free_addresses

EPOCHS = 3
SECONDS = 180  # of a process that waits forever; it takes 60 where others take turns


class Interrupted(Exception):
    pass


class BreakOff(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise Interrupted


def trainer(distribution, num_replicas=2):
    planted = make_planted(
        PlantedConfig(
            num_items=60,
            num_users=40,
            num_interactions=1_505,
            num_factors=3,
            num_values=4,
        )
    )
    data = prepare_ranking_data(
        planted.interactions, planted.catalogue, "rating", "planted"
    )
    config = RankerConfig(
        model="deepfm",
        hidden_units=(8,),
        embedding_dim=4,
        hidden_share=0.1,
        # 1,204 rows: a last batch of 14 rows, in one go with three whole ones.
        batch_size=170,
        steps_per_execution=4,
        max_epochs=EPOCHS,
        # Adam's steps would make much of a rounding where a gradient is near zero.
        optimizer="adagrad",
        learning_rate=0.05,
        clipnorm=0.5,
        embedding_l2=1e-3,
        distribution=distribution,
        num_replicas=num_replicas,
    )
    table = planted.true_factors
    return RankerTrainer(config, data, data.schema_with(table)), data, table


def train(folder, distribution, num_replicas=2, broken_off=False):
    """Trains; writes logits, figures and the logs of the epochs to `folder`."""
    ranker, data, table = trainer(distribution, num_replicas)
    logs = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, entries: logs.append(dict(entries))
    )
    folder.mkdir(exist_ok=True)
    checkpoint = folder.parent / "checkpoint" if broken_off else None  # all see it
    if broken_off:
        with pytest.raises(Interrupted):
            ranker.train(0, table, [watch, BreakOff()], checkpoint=checkpoint)
    trained = ranker.train(0, table, [watch], checkpoint=checkpoint)
    model = ranker.single_model()
    logits = model.predict(data.batches(data.test, 64, table), verbose=0)
    np.save(folder / "logits.npy", logits)
    rate, labels = data.train.labels.mean(), data.test.labels
    figures = {
        "logloss_of_rate": float(
            -np.mean(labels * np.log(rate) + (1 - labels) * np.log(1 - rate))
        ),
        "auc": trained.test.all_items.auc,
        "logloss": trained.test.all_items.logloss,
        "validation_auc": trained.validation.all_items.auc,
        "best_epoch": trained.best_epoch,
        "abundance": information_abundance(trained.code_spectrum),
        "logs": [{k: e[k] for k in ("logloss", "validation_auc")} for e in logs],
    }
    (folder / "figures.json").write_text(json.dumps(figures))


def figures(folder):
    return json.loads((folder / "figures.json").read_text())


def assert_same_training(folder, other):
    np.testing.assert_allclose(
        np.load(other / "logits.npy"), np.load(folder / "logits.npy"), atol=1e-4
    )
    one, two = figures(folder), figures(other)
    assert len(one["logs"]) == EPOCHS
    for log, expected in zip(two.pop("logs"), one.pop("logs"), strict=True):
        assert log == pytest.approx(expected, abs=1e-4)
    abundance = one.pop("abundance")
    assert two.pop("abundance") == pytest.approx(abundance, rel=1e-3)
    assert two == pytest.approx(one, abs=1e-4)


def as_devices(folder):
    assert make_strategy("mirrored", 2).num_replicas_in_sync == 2
    train(folder / "mirrored", "mirrored", broken_off=True)


def as_worker(folder):
    assert make_strategy("multi_worker").num_replicas_in_sync == 2
    train(folder, "multi_worker", broken_off=True)


def assert_workers_take_each_batch_once(strategy):
    coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
    step = tf.function(lambda rows: next(rows))
    iterators = []
    # Two trainings, the first of which is left in the middle of a pass.
    for first, steps in ((0, 25), (100, 50)):
        numbers = tf.data.Dataset.range(first, first + 10)
        given = fit_arguments(strategy, lambda rows=numbers: rows, steps)
        assert given["steps_per_epoch"] == steps
        iterators.append(iter(coordinator.create_per_worker_dataset(given["x"])))
        taken = [coordinator.schedule(step, (iterators[-1],)) for _ in range(steps)]
        coordinator.join()
        counts = np.bincount([int(row.fetch()) - first for row in taken])
        assert counts.tolist() == [-(-(steps - row) // 10) for row in range(10)]
    assert iterators[0] is iterators[1]  # the deletion of one can end in a deadlock


def assert_servers_outlive_deletions(strategy):
    """Of an iterator that Python feeds, with more results than servers have threads."""
    batches = tf.data.Dataset.from_generator(
        lambda: iter(range(9)), output_signature=tf.TensorSpec((), tf.int32)
    )
    coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
    given = fit_arguments(strategy, lambda: batches, 1)["x"]
    rows = iter(coordinator.create_per_worker_dataset(given))
    row = coordinator.schedule(tf.function(lambda rows: next(rows)), (rows,))
    assert row.fetch() == 0
    with tf.device("/job:worker/replica:0/task:0/device:CPU:0"):
        results = [tf.constant(float(i)) + 1 for i in range(100)]
        del rows, row, given, results
        assert float(tf.constant(1.0) + 1) == 2


def as_servers(folder):
    for number in (1, 2):
        strategy = make_strategy("parameter_server", number)
        assert writes(strategy)
        assert_workers_take_each_batch_once(strategy)
        assert_servers_outlive_deletions(strategy)
        train(folder / f"servers_{number}", "parameter_server", number)


def start(role, folder, **environment):
    return subprocess.Popen(
        [sys.executable, __file__, role, str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes):
    try:
        outputs = [
            process.communicate(timeout=SECONDS + 30)[0] for process in processes
        ]
    finally:
        for process in processes:
            process.kill()
    for process, output in zip(processes, outputs, strict=True):
        assert process.returncode == 0, output[-8000:]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    train(folder, "none")
    return folder


@pytest.mark.slow
def test_two_replicas_train_as_one_also_after_an_interruption(alone, tmp_path):
    finish(start("devices", tmp_path))
    assert_same_training(alone, tmp_path / "mirrored")


@pytest.mark.slow
def test_two_workers_train_as_one_also_after_an_interruption(alone, tmp_path):
    addresses = free_addresses(2)
    folders = [tmp_path / f"worker_{index}" for index in range(2)]
    workers = []
    for index, folder in enumerate(folders):
        place = {
            "cluster": {"worker": addresses},
            "task": {"type": "worker", "index": index},
        }
        workers.append(start("worker", folder, TF_CONFIG=json.dumps(place)))
    finish(*workers)
    assert_same_training(alone, folders[0])
    np.testing.assert_array_equal(
        np.load(folders[1] / "logits.npy"), np.load(folders[0] / "logits.npy")
    )


@pytest.mark.slow
def test_servers_of_one_worker_train_as_one_process_and_of_two_nearly(alone, tmp_path):
    finish(start("servers", tmp_path))
    assert_same_training(alone, tmp_path / "servers_1")
    # Two workers take their steps at once, each unaware of the other's. In 8 trainings
    # logits were 0.000 to 0.015 from those of one process (root mean square), AUC up to
    # 0.002 and log loss up to 0.0003; with every second step without effect 0.077,
    # 0.012 and 0.009, and with rows that come twice 0.24 to 0.34 (logits).
    expected, found = figures(alone), figures(tmp_path / "servers_2")
    assert_learned(found)
    apart = np.load(tmp_path / "servers_2" / "logits.npy")
    apart -= np.load(alone / "logits.npy")
    assert np.sqrt(np.mean(apart**2)) < 0.04
    assert found["auc"] == pytest.approx(expected["auc"], abs=0.008)
    assert found["logloss"] == pytest.approx(expected["logloss"], abs=0.004)


def assert_learned(found):
    """Untrained, this model has an AUC of 0.51 and a log loss of 0.69."""
    assert found["logs"][-1]["logloss"] < found["logs"][0]["logloss"] - 0.05
    assert 0.7 < found["validation_auc"] < 1
    assert 0.7 < found["auc"] < 1
    assert found["logloss"] < found["logloss_of_rate"] - 0.02


def test_the_figures_are_those_of_a_training_that_learns(alone):
    assert_learned(figures(alone))


def test_no_distribution_is_the_default_strategy():
    strategy = make_strategy("none")
    assert strategy is tf.distribute.get_strategy()
    assert writes(strategy)
    assert agreed(0.1, strategy) == 0.1


def test_what_this_process_cannot_do_is_said_with_what_to_do(monkeypatch):
    tf.constant(0)  # TensorFlow has started
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.delenv("TPU_NAME", raising=False)
    with pytest.raises(DistributionError, match=r"split into 3 .* before anything"):
        make_strategy("mirrored", 3)
    with pytest.raises(DistributionError, match=r"Start each worker with TF_CONFIG"):
        make_strategy("multi_worker")
    with pytest.raises(DistributionError, match=r"no TPU .* Set TPU_NAME"):
        make_strategy("tpu")
    monkeypatch.setenv("TF_CONFIG", "{}")
    with pytest.raises(DistributionError, match=r"Received: a TF_CONFIG"):
        make_strategy("parameter_server")


def test_unknown_names_and_numbers_are_refused():
    with pytest.raises(ValueError, match=r"multi_worker.* Received: 'horovod'"):
        make_strategy("horovod")
    for name in DISTRIBUTIONS:
        with pytest.raises(ValueError, match="Received: 0"):
            make_strategy(name, 0)


if __name__ == "__main__":
    role, place = sys.argv[1:]
    # It says where every thread is, also where one holds Python's lock and waits.
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    {"devices": as_devices, "worker": as_worker, "servers": as_servers}[role](
        Path(place)
    )
