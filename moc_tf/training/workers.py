"""Spreads work over processes, each with a TensorFlow and a share of cores its own."""

import concurrent.futures
import multiprocessing
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from moc_tf.cores import num_cores
from moc_tf.freed_memory import keep_freed_memory

Task = TypeVar("Task")
Result = TypeVar("Result")

_outbox: Any = None  # of a worker process: where its results go


def spread(
    work: Callable[[Task], Iterator[Result]],
    tasks: Sequence[Task],
    num_workers: int,
) -> Iterator[Result]:
    """Yields what `work(task)` yields for every task, as it comes.

    Args:
      work: a generator function that can be pickled.
      tasks: its arguments. A task is done by one worker, in order.
      num_workers: processes; 1 works in this process, task after task. They end with
        this process, even if it is killed.

    Raises:
      ValueError: if num_workers is below 1.
      Exception: what `work` raised; tasks not begun by then are dropped.
    """
    if num_workers < 1:
        raise ValueError(f"num_workers must be at least 1. Received: {num_workers}.")
    if num_workers == 1:
        for task in tasks:
            yield from work(task)
        return
    context = multiprocessing.get_context("spawn")
    outbox = context.Queue()
    threads = max(1, num_cores() // num_workers)
    pool = concurrent.futures.ProcessPoolExecutor(
        min(num_workers, max(len(tasks), 1)), context, _prepare, (outbox, threads)
    )
    try:
        running = {pool.submit(_deliver, work, task) for task in tasks}
        expected = received = 0
        while running or received < expected:
            try:
                yield outbox.get(timeout=0.2)
                received += 1
            except queue.Empty:
                done = {future for future in running if future.done()}
                failed = [future for future in done if future.exception()]
                if failed:  # after what others had to say
                    while not outbox.empty():
                        yield outbox.get()
                expected += sum(future.result() for future in done)
                running -= done
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare(outbox: Any, threads: int) -> None:
    """Starts a worker: with more threads than cores, kernels wait for one another."""
    global _outbox
    _outbox = outbox
    keep_freed_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = str(threads)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def _end_with_parent() -> None:
    """A worker whose parent was killed would do its tasks, and then wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _deliver(work: Callable[[Any], Iterator[Any]], task: Any) -> int:
    """Sends what `work` yields; returns how much that was."""
    count = 0
    for result in work(task):
        _outbox.put(result)
        count += 1
    return count
