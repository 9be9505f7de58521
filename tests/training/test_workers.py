import multiprocessing
import os

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
