import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

from moc_tf.training import WorkerError, run_local_workers
from moc_tf.training.local_cluster import free_addresses

ROOT = pathlib.Path(__file__).parents[2]


def program(folder, then="pass"):
    """Notes TF_CONFIG in a file of its own, and does what else is said."""
    return [
        sys.executable,
        "-c",
        "import os, pathlib, sys, time\n"
        "place = os.environ['TF_CONFIG']\n"
        f"pathlib.Path({str(folder)!r}, f'{{os.getpid()}}.json').write_text(place)\n"
        f"first = '\"index\": 0' in place\n{then}",
    ]


def test_each_worker_finds_its_place_in_one_cluster(tmp_path):
    run_local_workers(program(tmp_path), 3)
    places = [json.loads(file.read_text()) for file in tmp_path.glob("*.json")]
    assert sorted(place["task"]["index"] for place in places) == [0, 1, 2]
    assert {place["task"]["type"] for place in places} == {"worker"}
    (addresses,) = {tuple(place["cluster"]["worker"]) for place in places}
    assert len(set(addresses)) == 3


def test_a_failing_worker_stops_the_others(tmp_path):
    then = "time.sleep(60) if first else sys.exit(7)"
    started = time.monotonic()
    with pytest.raises(WorkerError, match=r"Worker 1 of 2 .* status 7"):
        run_local_workers(program(tmp_path, then), 2)
    assert time.monotonic() - started < 30
    for file in tmp_path.glob("*.json"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.stem), 0)


def test_no_worker_is_refused():
    with pytest.raises(ValueError, match="Received: 0"):
        run_local_workers(["true"], 0)


def test_addresses_are_different_and_free():
    assert len(set(free_addresses(5))) == 5


@pytest.mark.slow
def test_the_binary_starts_workers_that_find_what_one_process_finds(tmp_path):
    def auc(folder, *distribution):
        arguments = [
            *distribution,
            "--methods=none,vq",
            "--codebook_size=8",
            "--seeds=1",
            "--max_epochs=2",
            "--optimizer=adagrad",
            "--learning_rate=0.05",
            f"--workdir={folder}",
        ]
        done = subprocess.run(
            [sys.executable, "-m", "experiments.train_ranker", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.count("[2/2]") == 1
        lines = (folder / "results.jsonl").read_text().splitlines()
        return [json.loads(line)["auc"] for line in lines]

    alone = auc(tmp_path / "alone", "--num_workers=1")
    workers = ("--distribution=multi_worker", "--num_replicas=2")
    together = auc(tmp_path / "together", *workers)
    assert together == pytest.approx(alone, abs=1e-3)
