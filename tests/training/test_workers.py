import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from moc_tf.training.workers import spread


def squares(limit):
    for number in range(limit):
        yield limit, number**2, os.getpid()


def fail_at_three(limit):
    for number in range(limit):
        if number == 3:
            raise ValueError("three is too many")
        yield number


@pytest.mark.parametrize("num_workers", [1, 2])
def test_every_task_is_done_once_and_in_order(num_workers):
    results = list(spread(squares, [3, 0, 5], num_workers))
    assert [r[:2] for r in results if r[0] == 3] == [(3, 0), (3, 1), (3, 4)]
    assert [r[1] for r in results if r[0] == 5] == [0, 1, 4, 9, 16]
    assert len(results) == 8
    here = {process == os.getpid() for *_, process in results}
    assert here == {num_workers == 1}


@pytest.mark.parametrize("num_workers", [1, 2])
def test_an_error_reaches_the_caller_after_the_results_before_it(num_workers):
    received = []

    def receive():
        received.extend(spread(fail_at_three, [9], num_workers))

    with pytest.raises(ValueError, match="three is too many"):
        receive()
    assert received == [0, 1, 2]
    assert not multiprocessing.active_children()


def test_no_worker_is_refused():
    with pytest.raises(ValueError, match="Received: 0"):
        list(spread(squares, [1], 0))


def tell_and_linger(path):
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    yield path
    time.sleep(600)


KILLED = """
from moc_tf.training.workers import spread
from tests.training.test_workers import tell_and_linger
if __name__ == "__main__":
    for told in spread(tell_and_linger, {paths}, 2):
        print(told, flush=True)
"""


def test_workers_end_when_their_parent_is_killed(tmp_path):
    paths = [str(tmp_path / name) for name in ("one", "two")]
    script = tmp_path / "parent.py"
    script.write_text(KILLED.format(paths=paths))
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    told = [parent.stdout.readline().decode().strip() for _ in paths]
    assert sorted(told) == paths
    workers = [int((tmp_path / name).read_text()) for name in ("one", "two")]
    assert all(map(is_running, workers))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until = time.monotonic() + 60
    while any(map(is_running, workers)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(is_running, workers))


def is_running(process):
    """Whether a process is there and no zombie that nobody waits for."""
    try:
        with open(f"/proc/{process}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
