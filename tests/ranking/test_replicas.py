"""Two replicas train as one does; a process of its own gets two logical CPUs."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from moc_tf.data.schema import CategoricalFeature, CodeFeature, Schema
from moc_tf.global_batch import global_mean
from moc_tf.ranking import LazyAdam, make_ranker

SCHEMA = Schema((CategoricalFeature("user", 9), CodeFeature("codes", 2, 3)))
# Batches of 8, 8 and 1: the last one leaves a replica without examples.
NUM_EXAMPLES, BATCH = 17, 8


def data():
    rng = np.random.default_rng(0)
    columns = {
        "user": rng.integers(0, 9, NUM_EXAMPLES).astype(np.int32),
        "codes": rng.integers(-1, 3, (NUM_EXAMPLES, 2)).astype(np.int32),
        "label": rng.integers(0, 2, NUM_EXAMPLES).astype(np.float32),
    }
    return tf.data.Dataset.from_tensor_slices(columns).batch(BATCH)


def train(strategy, weights=None):
    with strategy.scope():
        model = make_ranker("deepfm", SCHEMA, embedding_dim=4, embedding_l2=0.01)
        # With the usual epsilon, a gradient near zero makes a step of its rounding.
        model.compile(optimizer=LazyAdam(0.01, epsilon=1e-3))
        model.build()
    weights = weights or model.get_weights()
    model.set_weights(weights)
    history = model.fit(data(), epochs=2, verbose=0).history
    return weights, model.get_weights(), history["logloss"]


def compare_one_and_two_replicas():
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    start, alone, alone_logged = train(tf.distribute.get_strategy())
    pair = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert pair.num_replicas_in_sync == 2
    _, together, together_logged = train(pair, start)
    moved = max(np.abs(a - b).max() for a, b in zip(start, alone, strict=True))
    assert moved > 0.01
    for one, two in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
    np.testing.assert_allclose(alone_logged, together_logged, rtol=1e-5)


def test_two_replicas_train_as_one():
    done = subprocess.run(
        [sys.executable, __file__],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_one_replica_takes_the_mean():
    assert float(global_mean(tf.constant([1.0, 2.0, 6.0]))) == pytest.approx(3.0)


def test_no_example_has_no_loss():
    assert float(global_mean(tf.zeros([0]))) == 0.0


if __name__ == "__main__":
    compare_one_and_two_replicas()
