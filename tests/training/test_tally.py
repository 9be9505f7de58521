"""How far a suite is and how long the rest takes, by a clock that is told."""

import pytest

from moc_tf.training import Method, Run
from moc_tf.training.tally import Tally

RUNS = [Run(0, Method("moc", 2), seed) for seed in range(6)]
ROW = {"auc": 0.5}


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def figures(outcome):
    return outcome.done, outcome.total, outcome.seconds, outcome.seconds_left


def test_runs_that_were_done_before_tell_no_pace(clock):
    tally = Tally(6, clock)
    clock.now += 3
    outcome = tally.resumed(RUNS[0], ROW)
    assert figures(outcome) == (1, 6, 3, None)
    assert (outcome.row, outcome.error, outcome.resumed) == (ROW, "", True)


def test_fits_are_counted_for_themselves(clock):
    tally = Tally(6, clock)
    clock.now += 10
    tally.start_fits(3)
    clock.now += 4
    outcome = tally.fitted(RUNS[:2], "")
    assert figures(outcome) == (1, 3, 14, 8)
    assert outcome.of_indexer
    clock.now += 2
    outcome = tally.fitted(RUNS[2:4], "no luck")  # so that two runs fail
    assert figures(outcome) == (2, 3, 16, 3)
    assert (outcome.run, outcome.row, outcome.error) == (RUNS[2], None, "no luck")
    assert tally.errors == dict.fromkeys(RUNS[2:4], "no luck")


def test_trainings_are_paced_by_trainings_of_all_data_sets_alone(clock):
    tally = Tally(6, clock)
    tally.resumed(RUNS[0], ROW)
    tally.start_trainings()
    clock.now += 10
    assert figures(tally.trained(RUNS[1], ROW, "")) == (2, 6, 10, 40)
    tally.start_fits(1)
    clock.now += 100
    tally.fitted(RUNS[2:3], "no luck")
    tally.start_trainings()
    clock.now += 20
    outcome = tally.trained(RUNS[3], None, "out of luck")
    assert figures(outcome) == (4, 6, 130, 30)
    assert (outcome.row, outcome.error, outcome.resumed) == (None, "out of luck", False)
    assert set(tally.rows) == set(RUNS[:2])
