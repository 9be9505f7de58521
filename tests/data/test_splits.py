import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf.data.interactions import Interactions
from moc_tf.data.splits import split_by_time


def log_of(rows):
    users, items, times = zip(*rows, strict=True) if rows else ((), (), ())
    return Interactions(
        np.array(users, str), np.array(items, str), np.array(times, np.int64), None
    )


def test_ties_are_broken_by_user_then_item():
    split = split_by_time(
        log_of(
            [
                ("u2", "i1", 7),
                ("u1", "i2", 7),
                ("u1", "i1", 7),
                ("u9", "i9", 1),
                ("u1", "i5", 9),
                ("u3", "i3", 2),
                ("u3", "i4", 3),
                ("u3", "i5", 4),
                ("u3", "i6", 5),
                ("u3", "i7", 6),
            ]
        )
    )
    assert split.train.tolist() == [3, 5, 6, 7, 8, 9, 2, 1]
    assert split.validation.tolist() == [0]
    assert split.test.tolist() == [4]
    assert split.train.dtype == np.int64


def test_ties_are_broken_by_rating_last():
    ratings = np.array([5, 1, 4, 2, 3, 5, 1, 4, 2, 3], np.float32)
    log = Interactions(["u"] * 10, ["i"] * 10, np.zeros(10, np.int64), ratings)
    split = split_by_time(log)
    order = np.concatenate([split.train, split.validation, split.test])
    assert ratings[order].tolist() == sorted(ratings.tolist())


def test_ties_of_rating_too_are_broken_by_click():
    ratings = np.array([2, 1] * 5, np.float32)
    clicks = np.array([1, 1, 0, 0, 1, 1, 0, 0, 1, 1], bool)
    log = Interactions(["u"] * 10, ["i"] * 10, np.zeros(10, np.int64), ratings, clicks)
    split = split_by_time(log)
    order = np.concatenate([split.train, split.validation, split.test])
    rows = list(zip(ratings.tolist(), clicks.tolist(), strict=True))
    assert [rows[place] for place in order] == sorted(rows)


@pytest.mark.parametrize(
    ("rows", "sizes"),
    [(10, (8, 1, 1)), (19, (15, 2, 2)), (70, (56, 7, 7)), (101, (80, 10, 11))],
)
def test_sizes_are_80_10_10(rows, sizes):
    split = split_by_time(log_of([("u", f"i{i}", i) for i in range(rows)]))
    assert (len(split.train), len(split.validation), len(split.test)) == sizes


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(0, 5)),
        min_size=10,
        max_size=50,
        unique=True,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_log_does_not_matter(rows, random):
    in_time = sorted(rows, key=lambda row: (row[2], row[0], row[1]))
    random.shuffle(rows)
    split = split_by_time(log_of(rows))
    parts = [split.train, split.validation, split.test]
    assert [rows[i] for i in np.concatenate(parts)] == in_time


def test_too_few_interactions_are_refused():
    with pytest.raises(
        ValueError, match=r"needs at least 10 interactions\. Received: 9\."
    ):
        split_by_time(log_of([("u", "i", t) for t in range(9)]))
