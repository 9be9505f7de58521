"""Replicas fit as one does, in processes with two logical CPUs, or as two workers."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from moc_tf._artefact import read_artefact
from moc_tf._keras import keras
from moc_tf.indexing import make_indexer

# Batches of 8, 8 and 1: the last one leaves a replica without vectors.
NUM_VECTORS, BATCH = 17, 8
CASES = {
    "gradient": {"method": "moc", "diversity_weight": 0.1},
    "ema": {"method": "moc", "codebook_update": "ema", "ema_decay": 0.9},
    "levels": {"method": "rq_vae", "warmup_epochs": 1},
}


def random_vectors():
    random = np.random.default_rng(0)
    return random.normal(size=(NUM_VECTORS, 6)).astype(np.float32)


def fit(case, folder, strategy=None):
    """Fits, and writes codes and logs beside the checkpoint with all variables."""
    options = {"num_codebooks": 2, "codebook_size": 4, "codebook_dim": 3}
    indexer = make_indexer(
        **options, **CASES[case], hidden_units=(5,), epochs=4, batch_size=BATCH
    )
    logs = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, entries: logs.append(dict(entries))
    )
    indexer.fit(
        random_vectors(),
        callbacks=[watch],
        checkpoint=folder / "checkpoint" if folder else None,
        strategy=strategy,
    )
    if folder:
        np.save(folder / "codes.npy", indexer.encode(random_vectors()))
        (folder / "logs.json").write_text(json.dumps(logs))


def assert_same_fit(folder, other):
    """All logs, variables of model and optimizer, EMA counts, usage, and codes."""
    logs, others = (json.loads((f / "logs.json").read_text()) for f in (folder, other))
    assert len(logs) == 4
    for one, two in zip(logs, others, strict=True):
        assert two == pytest.approx(one, rel=1e-5, abs=1e-6)
    arrays, _ = read_artefact(folder / "checkpoint", "fit_checkpoint")
    other_arrays, _ = read_artefact(other / "checkpoint", "fit_checkpoint")
    assert arrays.keys() == other_arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_allclose(other_arrays[name], array, atol=1e-5, err_msg=name)
    np.testing.assert_array_equal(
        np.load(other / "codes.npy"), np.load(folder / "codes.npy")
    )


def fit_on_two_devices(folder):
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    pair = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert pair.num_replicas_in_sync == 2
    for case in CASES:
        (folder / case).mkdir()
        fit(case, folder / case, pair)


def fit_as_worker(folder):
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    assert strategy.num_replicas_in_sync == 2
    for case in CASES:
        (folder / case).mkdir(exist_ok=True)
        fit(case, folder / case, strategy)


def run(role, folder, **environment):
    return subprocess.Popen(
        [sys.executable, __file__, role, str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes):
    try:
        outputs = [process.communicate(timeout=300)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, output in zip(processes, outputs, strict=True):
        assert process.returncode == 0, output[-3000:]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    for case in CASES:
        (folder / case).mkdir()
        fit(case, folder / case)
    return folder


def test_two_replicas_fit_as_one(alone, tmp_path):
    finish(run("devices", tmp_path))
    for case in CASES:
        assert_same_fit(alone / case, tmp_path / case)


def free_ports(number):
    sockets = [socket.socket() for _ in range(number)]
    for held in sockets:
        held.bind(("localhost", 0))
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


@pytest.mark.slow
def test_two_workers_fit_as_one(alone, tmp_path):
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    folders = [tmp_path / f"worker_{index}" for index in range(2)]
    workers = []
    for index, folder in enumerate(folders):
        folder.mkdir()
        place = {
            "cluster": {"worker": addresses},
            "task": {"type": "worker", "index": index},
        }
        workers.append(run("worker", folder, TF_CONFIG=json.dumps(place)))
    finish(*workers)
    for case in CASES:
        assert_same_fit(alone / case, folders[0] / case)
        # The other worker has the same codes, and has left the writing to the first.
        np.testing.assert_array_equal(
            np.load(folders[1] / case / "codes.npy"),
            np.load(folders[0] / case / "codes.npy"),
        )
        assert not (folders[1] / case / "checkpoint").exists()


if __name__ == "__main__":
    role, place = sys.argv[1:]
    {"devices": fit_on_two_devices, "worker": fit_as_worker}[role](Path(place))
