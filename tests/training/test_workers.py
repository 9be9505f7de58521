import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from moc_tf.cores import num_cores
from moc_tf.training import WorkerError
from moc_tf.training.workers import spread

WITH_PATH = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


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

    with pytest.raises(ValueError, match="three is too many") as caught:
        receive()
    assert received == [0, 1, 2]
    assert not multiprocessing.active_children()
    if num_workers > 1:  # and where it was raised
        assert "in fail_at_three" in caught.value.__notes__[0]


class OfTwo(Exception):
    """Cannot be read from a pickle, which holds one argument."""

    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")


def yield_or_raise_what_cannot_be_sent(raises):
    yield 1
    if raises:
        raise OfTwo("this", "that")
    yield lambda: 2


@pytest.mark.parametrize(
    ("raises", "told"), [(True, "OfTwo: this and that"), (False, "lambda")]
)
def test_what_cannot_be_sent_is_an_error(raises, told):
    with pytest.raises(Exception, match=told):
        list(spread(yield_or_raise_what_cannot_be_sent, [raises], 2))


def shown(path):
    """Waits until another task has made a file."""
    until = time.monotonic() + 60
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.01)
    return path.exists()


def fail_beside_others(task):
    """Task 0 fails while task 1 is at its second result."""
    folder, raises, index = task
    (folder / f"begun-{index}").touch()
    yield f"{index} first"
    if index == 0:
        assert shown(folder / "begun-1")
        (folder / "failing").touch()
        if raises:
            raise ValueError("out of luck")
        os._exit(9)
    assert shown(folder / "failing")
    time.sleep(2)
    yield f"{index} second"
    yield f"{index} third"


def receive_beside_a_failure(folder, raises, error, match):
    """What comes before the error, and which tasks have begun."""
    received = []

    def receive():
        tasks = [(folder, raises, index) for index in range(7)]
        received.extend(spread(fail_beside_others, tasks, 2))

    with pytest.raises(error, match=match):
        receive()
    assert not multiprocessing.active_children()
    return sorted(received), sorted(path.name for path in folder.glob("begun-*"))


UP_TO_THE_FAILURE = (["0 first", "1 first", "1 second"], ["begun-0", "begun-1"])


def test_after_an_error_no_task_begins_and_others_end_after_their_result(tmp_path):
    found = receive_beside_a_failure(tmp_path, True, ValueError, "out of luck")
    assert found == UP_TO_THE_FAILURE


def test_a_killed_worker_is_an_error_that_says_what_to_do(tmp_path):
    says = r"killed \(exit code 9\).* memory.* fewer --num_workers .* goes on where"
    found = receive_beside_a_failure(tmp_path, False, WorkerError, says)
    assert found == UP_TO_THE_FAILURE


def be_killed_with_results_unread(task):
    folder, index = task
    (folder / f"begun-{index}").touch()
    if index:
        assert shown(folder / "failing")
        return
    assert shown(folder / "begun-1")
    yield from range(9)
    (folder / "failing").touch()
    os._exit(9)


@pytest.mark.slow  # that no task begins where they are read is tested by default
def test_no_task_begins_while_results_of_a_killed_worker_are_unread(tmp_path):
    tasks = [(tmp_path, index) for index in range(5)]
    received = []

    def receive_slowly():
        for result in spread(be_killed_with_results_unread, tasks, 2):
            received.append(result)
            time.sleep(1)  # one worker is no more, and the other asks for a task

    with pytest.raises(WorkerError, match="killed"):
        receive_slowly()
    assert received == list(range(9))
    assert len(list(tmp_path.glob("begun-*"))) == 2


def speak_at_length(_):
    """Yields more than a pipe holds."""
    for _ in range(200):
        yield "w" * 2_000


def speak_at_once_or_fail(task):
    folder, fails = task
    if fails:
        assert shown(folder / "begun")
        raise ValueError("out of words")
    (folder / "begun").touch()
    time.sleep(2)
    yield "w" * 400_000


def fail_beside_a_speech(folder):
    tasks = [(folder, True), (folder, False)]
    received = []
    with pytest.raises(ValueError, match="out of words"):
        received.extend(spread(speak_at_once_or_fail, tasks, 2))
    assert list(map(len, received)) == [400_000]


def close_in_the_middle(_):
    speech = spread(speak_at_length, range(3), 2)
    next(speech)
    time.sleep(1)  # both fill their pipes
    speech.close()
    assert not multiprocessing.active_children()


def leave_in_the_middle(_):
    global speech
    speech = spread(speak_at_length, range(3), 2)
    next(speech)


@pytest.mark.parametrize(
    "ends", [fail_beside_a_speech, close_in_the_middle, leave_in_the_middle]
)
def test_results_that_nobody_reads_do_not_hold_up_the_end(ends, tmp_path):
    program = (
        f"import pathlib; from tests.training.test_workers import {ends.__name__} as f;"
        f"f(pathlib.Path({str(tmp_path)!r}))"
    )
    subprocess.run(
        [sys.executable, "-c", program], timeout=120, check=True, env=WITH_PATH
    )


def threads_of_libraries(task):
    import scipy.linalg  # noqa: F401
    import tensorflow as tf
    import threadpoolctl

    folder, index = task
    (folder / str(index)).touch()
    assert shown(folder / str(1 - index))  # each worker has one of two tasks
    for pool in threadpoolctl.threadpool_info():
        yield pathlib.Path(pool["filepath"]).name, pool["num_threads"]
    yield "tensorflow", tf.config.threading.get_intra_op_parallelism_threads()


def test_libraries_in_workers_share_the_cores(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    tasks = [(tmp_path, index) for index in range(2)]
    found = list(spread(threads_of_libraries, tasks, 2))
    names = [name for name, _ in found]
    assert names.count("tensorflow") == 2
    assert sum("openblas" in name for name in names) >= 4  # NumPy's and SciPy's
    assert {threads for _, threads in found} == {max(1, num_cores() // 2)}
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


def threads_here(_):
    yield os.environ["OMP_NUM_THREADS"]


def test_workers_without_a_task_get_no_cores(monkeypatch):
    monkeypatch.setattr("moc_tf.training.workers.num_cores", lambda: 6)
    assert list(spread(threads_here, [0], 3)) == ["6"]
    assert list(spread(threads_here, [], 3)) == []


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
        env=WITH_PATH,
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
