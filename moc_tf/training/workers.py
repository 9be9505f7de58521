"""Spreads work over processes, each with a TensorFlow and a share of cores its own."""

import collections
import contextlib
import dataclasses
import multiprocessing
import os
import pickle
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from moc_tf.cores import num_cores
from moc_tf.training.local_cluster import WorkerError

Task = TypeVar("Task")
Result = TypeVar("Result")

# Of the libraries beside TensorFlow, which read them as they are loaded.
_NUM_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def spread(
    work: Callable[[Task], Iterator[Result]],
    tasks: Sequence[Task],
    num_workers: int,
) -> Iterator[Result]:
    """Yields what `work(task)` yields for every task, as it comes.

    Once a worker fails, no other task begins, and the workers end after the result
    that they are at; what they have still comes before the error is raised. They end
    so, too, where the iterator is closed early.

    Args:
      work: a generator function that can be pickled.
      tasks: its arguments. A task is done by one worker, in order.
      num_workers: processes, but no more than tasks, which share the cores; 1 works in
        this process, task after task. They end with this process, even if it is killed.

    Raises:
      ValueError: if num_workers is below 1.
      WorkerError: if a worker process was killed.
      Exception: what `work` raised, the first of several.
    """
    if num_workers < 1:
        raise ValueError(f"num_workers must be at least 1. Received: {num_workers}.")
    if num_workers == 1:
        for task in tasks:
            yield from work(task)
        return
    context = multiprocessing.get_context("spawn")
    stop = context.RawValue("b", False)  # without a lock, which a killed one would keep
    num_started = min(num_workers, len(tasks))
    threads = max(1, num_cores() // max(1, num_started))
    workers: list[_Worker] = []
    failures = []
    try:
        with _libraries_use(threads):
            for _ in range(num_started):
                workers.append(_start(context, threads, stop))
        for result, failure in _converse(workers, work, tasks, stop):
            if failure is None:
                yield result
            else:
                failures.append(failure)
    finally:
        _end(workers, stop)
    if failures:
        error, origin = failures[0]
        if origin:
            error.add_note(origin)
        raise error


# A result, or what an error is and where it was raised.
_Message = tuple[Any, tuple[BaseException, str] | None]


@dataclasses.dataclass(frozen=True)
class _Worker:
    """A process with pipes of its own, so that one killed does not block the others."""

    process: BaseProcess
    orders: Connection  # to it: tasks
    results: Connection  # from it: messages, an empty one where it asks for a task


@contextlib.contextmanager
def _libraries_use(threads: int) -> Iterator[None]:
    """Sets how many threads libraries have in processes that are started meanwhile.

    A worker itself would be too late: what it is told to do imports NumPy.
    """
    before = {name: os.environ.get(name) for name in _NUM_THREADS}
    os.environ.update(dict.fromkeys(_NUM_THREADS, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start(context: Any, threads: int, stop: Any) -> _Worker:
    """Starts a worker; as a daemon, it does not outlast a program that forgets it."""
    inbox, orders = context.Pipe(duplex=False)
    results, outbox = context.Pipe(duplex=False)
    process = context.Process(
        target=_serve, args=(inbox, outbox, threads, stop), daemon=True
    )
    process.start()
    inbox.close()
    outbox.close()  # so that `results` ends with the worker
    return _Worker(process, orders, results)


def _converse(
    workers: Sequence[_Worker], work: Any, tasks: Sequence[Any], stop: Any
) -> Iterator[_Message]:
    """Gives tasks to workers that ask, and yields messages until all have ended."""
    left = collections.deque(tasks)
    talking = list(workers)
    while talking:
        ready = wait([worker.results for worker in talking])
        for worker in [each for each in talking if each.results in ready]:
            try:
                message = worker.results.recv_bytes()
            except (EOFError, OSError):  # OSError: in the middle of a message
                talking.remove(worker)
                if not worker.orders.closed:
                    stop.value = True
                    yield None, (_killed(worker.process), "")
                continue
            if message:
                yield pickle.loads(message)
            elif left and not stop.value and not any(map(_was_killed, workers)):
                with contextlib.suppress(BrokenPipeError):  # `results` tell of it
                    worker.orders.send((work, left.popleft()))
            else:
                worker.orders.close()


def _was_killed(worker: _Worker) -> bool:
    """Tells so before its last messages are read, after which `results` do."""
    return not worker.orders.closed and not worker.process.is_alive()


def _killed(process: BaseProcess) -> WorkerError:
    """What to say of a worker that ended and was not told to."""
    process.join()
    return WorkerError(
        f"A worker process was killed (exit code {process.exitcode}), most often for "
        "lack of memory; what it wrote last may say more. Use fewer --num_workers "
        "(num_workers). Finished runs are kept: the same command goes on where it "
        "ended."
    )


def _end(workers: Sequence[_Worker], stop: Any) -> None:
    """Lets workers end after the result that they are at, and waits for them."""
    stop.value = True
    for worker in workers:
        worker.orders.close()
    for worker in workers:
        with contextlib.suppress(EOFError, OSError):
            while True:  # it would wait for ever with more than the pipe holds
                worker.results.recv_bytes()
        worker.results.close()
        worker.process.join()


def _serve(inbox: Connection, outbox: Connection, threads: int, stop: Any) -> None:
    """A worker's life: asks for a task and does it until the parent has no more."""
    _prepare(threads)
    with contextlib.suppress(EOFError, OSError):
        while True:
            outbox.send_bytes(b"")
            _deliver(inbox.recv_bytes(), outbox, stop)


def _prepare(threads: int) -> None:
    """Makes ready: with more threads than cores, kernels wait for one another."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def _end_with_parent() -> None:
    """A worker whose parent was killed would go on with its task to the end."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _deliver(order: bytes, outbox: Connection, stop: Any) -> None:
    """Does a task, and sends what comes of it, until the workers are to stop."""
    try:
        work, task = pickle.loads(order)
        if stop.value:
            return
        for result in work(task):
            outbox.send((result, None))
            if stop.value:
                return
    except BaseException as error:
        stop.value = True
        outbox.send((None, _portable(error)))


def _portable(error: BaseException) -> tuple[BaseException, str]:
    """`error`, or its like where that cannot be sent, and where it was raised."""
    origin = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    return error, f"In a worker process:\n{origin}"
