"""Several workers of one training on this machine, each a process of its own."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Sequence


class WorkerError(RuntimeError):
    """A local worker ended with an error."""


def free_addresses(number: int) -> list[str]:
    """Addresses "localhost:<port>" that nothing listens on at the moment."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for held in sockets:
            held.bind(("localhost", 0))
        return [f"localhost:{held.getsockname()[1]}" for held in sockets]
    finally:
        for held in sockets:
            held.close()


def run_local_workers(command: Sequence[str], num_workers: int) -> None:
    """Runs `command` as each of the workers of a cluster, and waits for all.

    Each process finds its place in TF_CONFIG, as `make_strategy("multi_worker")`
    reads it. The first one writes to the terminal; of the others, what they write is
    dropped, but for errors.

    Args:
      command: program and arguments.
      num_workers: processes.

    Raises:
      ValueError: if num_workers is below 1.
      WorkerError: if a worker fails; the others are stopped, as they would wait for
        it forever.
    """
    if num_workers < 1:
        raise ValueError(f"num_workers must be at least 1. Received: {num_workers}.")
    addresses = free_addresses(num_workers)
    workers = []
    try:
        for index in range(num_workers):
            place = {
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": index},
            }
            workers.append(
                subprocess.Popen(
                    command,
                    env={**os.environ, "TF_CONFIG": json.dumps(place)},
                    stdout=subprocess.DEVNULL if index else None,
                )
            )
        while any(worker.poll() is None for worker in workers):
            _raise_for(workers)
            time.sleep(0.2)
        _raise_for(workers)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _raise_for(workers: Sequence[subprocess.Popen]) -> None:
    for index, worker in enumerate(workers):
        if worker.poll():
            raise WorkerError(
                f"Worker {index} of {len(workers)} must end with status 0. Received: "
                f"status {worker.returncode}. What it wrote last says why."
            )
