"""The bootstrap over users, by enumeration, by its coverage and by its refusals."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from moc_tf.evaluation import auc, bootstrap_auc_difference

LABELS = np.array([0, 1, 1, 0, 0, 1])
ONE = np.array([0.1, 0.9, 0.4, 0.5, 0.2, 0.3])
OTHER = np.array([0.6, 0.5, 0.4, 0.1, 0.2, 0.3])
USERS = np.array(["a", "a", "b", "b", "c", "c"])


def test_samples_are_of_users_with_all_their_rows():
    """Three users have 27 samples, of which the percentiles are known."""
    expected = []
    for drawn in itertools.product("abc", repeat=3):
        rows = np.concatenate([np.flatnonzero(user == USERS) for user in drawn])
        expected.append(
            roc_auc_score(LABELS[rows], ONE[rows])
            - roc_auc_score(LABELS[rows], OTHER[rows])
        )
    # None of the 27 is as rare as 1 of 50, so that the ends are among them.
    ends = np.quantile(expected, [0.02, 0.98], method="inverted_cdf")
    found = bootstrap_auc_difference(LABELS, ONE, OTHER, USERS, 1000, confidence=0.96)
    assert found.difference == auc(LABELS, ONE) - auc(LABELS, OTHER)
    assert [found.low, found.high] == pytest.approx(ends, abs=1e-12)
    assert found.num_users == 3


def test_equal_rankers_do_not_differ():
    found = bootstrap_auc_difference(LABELS, ONE, 2 * ONE + 1, USERS, 100)
    assert (found.difference, found.low, found.high) == (0, 0, 0)


def test_the_interval_is_wider_where_a_user_has_many_rows():
    """One ranker errs by the same in all forty rows of a user, which count as one."""
    random = np.random.default_rng(5)
    users = np.repeat(np.arange(50), 40)
    labels = users % 2
    one = labels + random.normal(size=2000)
    other = labels + random.normal(size=50)[users]
    by_user = bootstrap_auc_difference(labels, one, other, users, 300)
    by_row = bootstrap_auc_difference(labels, one, other, np.arange(2000), 300)
    assert by_user.difference == by_row.difference
    assert by_user.high - by_user.low > 4 * (by_row.high - by_row.low)


def test_a_seed_gives_the_same_interval_again_and_less_confidence_a_narrower_one():
    random = np.random.default_rng(1)
    labels, users = random.integers(2, size=400), random.integers(60, size=400)
    one, other = random.normal(size=400) + labels, random.normal(size=400) + labels
    args = labels, one, other, users, 200
    wide = bootstrap_auc_difference(*args, seed=3)
    assert bootstrap_auc_difference(*args, seed=3) == wide
    assert bootstrap_auc_difference(*args, seed=4) != wide
    narrow = bootstrap_auc_difference(*args, seed=3, confidence=0.5)
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"users": ["a"] * 6}, "Received: 1 users"),
        ({"num_samples": 0}, "num_samples=0"),
        ({"confidence": 1.0}, "confidence=1.0"),
        ({"other": OTHER[:5]}, r"other must have one value a label"),
        ({"users": USERS[:5]}, r"users must have one value a label"),
        ({"one": np.full(6, np.nan)}, "one must be finite"),
        (
            {"labels": [0, 0, 0, 0, 0, 1]},
            r"rows of both labels.* of 3 users with 1 clicks",
        ),
    ],
)
def test_what_has_no_interval_is_refused(changes, message):
    given = {"labels": LABELS, "one": ONE, "other": OTHER, "users": USERS}
    with pytest.raises(ValueError, match=message):
        bootstrap_auc_difference(**{**given, "num_samples": 50, **changes})
