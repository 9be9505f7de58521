import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf.evaluation import (
    ITEM_GROUPS,
    USER_GROUPS,
    frequency_thresholds,
    item_groups,
    user_groups,
)


def of_each_row(uses):
    """Counts of the training rows of items with so many rows each."""
    return np.repeat(uses, uses)


def test_groups_share_the_training_rows_by_hand():
    # 12 rows: the items of 1 and 2 rows have a third of them, the one of 4 another.
    training = of_each_row([1, 1, 2, 4, 4])
    assert frequency_thresholds(training, 3) == (2, 4)
    training = of_each_row([1, 1, 2, 4, 6])
    assert frequency_thresholds(training, 3) == (4, 6)  # 4 rows of 14 are too few
    assert frequency_thresholds(training, 2) == (4,)
    assert frequency_thresholds(training, 1) == ()


def test_items_and_users_by_name():
    training = of_each_row([1, 1, 2, 4, 5])  # 13 rows: up to 4, up to 5, none
    counts = [0, 1, 4, 5, 6, 100]
    named = [ITEM_GROUPS[group] for group in item_groups(counts, training)]
    assert named == ["new", "tail", "tail", "middle", "head", "head"]
    named = [USER_GROUPS[group] for group in user_groups(counts, training)]
    assert named == ["new", "light", "light", "heavy", "heavy", "heavy"]
    assert item_groups(counts, training).dtype == np.int8


def test_equal_counts_are_in_one_group():
    training = of_each_row([3] * 7)
    assert frequency_thresholds(training, 3) == (3, 3)
    assert item_groups([0, 3], training).tolist() == [0, 1]


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(1, 5))
def test_the_lower_groups_hold_their_share_and_no_more_than_ties_ask(uses, num_groups):
    training = of_each_row(uses)
    thresholds = frequency_thresholds(training, num_groups)
    assert list(thresholds) == sorted(thresholds)
    for group, threshold in enumerate(thresholds, start=1):
        assert num_groups * (training <= threshold).sum() >= group * len(training)
        assert num_groups * (training < threshold).sum() < group * len(training)


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=30),
    st.lists(st.integers(0, 12), max_size=20),
)
def test_a_more_frequent_item_is_in_no_lower_group(uses, counts):
    groups = item_groups(np.array(counts, int), of_each_row(uses))
    assert (groups == 0).tolist() == [count == 0 for count in counts]
    assert (np.diff(groups[np.argsort(counts)]) >= 0).all()


@pytest.mark.parametrize("function", [item_groups, user_groups])
def test_bad_input_is_named(function):
    for counts, training, message in (
        ([-1], [1], r"counts must be at least 0\. Received: -1 at row 0"),
        ([0.5], [1], r"counts must be integers \[rows\]\. Received: float64"),
        ([0], [0], r"training_counts must be at least 1\. Received: 0"),
        ([0], [[1]], r"training_counts must be integers.* shape \(1, 1\)"),
        ([0], np.zeros(0, int), r"training_counts must hold at least one row"),
    ):
        with pytest.raises(ValueError, match=message):
            function(counts, training)
    with pytest.raises(ValueError, match=r"num_groups must be at least 1\. .*: 0"):
        frequency_thresholds([1], 0)
