import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from moc_tf.data.interactions import Interactions
from moc_tf.data.protocols import LabelledRows, label_parts
from moc_tf.data.splits import TimeSplit, split_by_time


def log_of(users, items, ratings=None):
    """A log in order of time."""
    return Interactions(
        np.array(users), np.array(items), np.arange(len(users), dtype=np.int64), ratings
    )


def pairs(part, label):
    chosen = part.labels == label
    return list(
        zip(part.user_ids[chosen].tolist(), part.item_ids[chosen].tolist(), strict=True)
    )


class TestChecksum:
    USERS, ITEMS, LABELS = ["u", "v", "v"], ["a", "b", "c"], [1, 0, 1]

    def checksum(self, users=USERS, items=ITEMS, labels=LABELS):
        rows = LabelledRows(np.array(users), np.array(items), np.array(labels))
        return rows.sha256()

    def test_it_is_that_of_the_columns_as_text(self):
        text = b"u\nv\nv\0a\nb\nc\x001\n0\n1\0"
        assert self.checksum() == hashlib.sha256(text).hexdigest()

    @pytest.mark.parametrize(
        "change",
        [
            {"users": ["u", "v", "w"]},
            {"items": ["a", "b", "d"]},
            {"labels": [1, 1, 1]},
            {"users": ["v", "u", "v"], "items": ["b", "a", "c"], "labels": [0, 1, 1]},
            {"users": ["u", "v"], "items": ["a", "b"], "labels": [1, 0]},
            {"users": ITEMS, "items": USERS},
        ],
        ids=["user", "item", "label", "order", "row", "columns"],
    )
    def test_any_change_changes_it(self, change):
        assert self.checksum(**change) != self.checksum()

    def test_types_do_not_change_it(self):
        assert self.checksum(labels=[True, False, True]) == self.checksum()
        assert self.checksum(labels=[1.0, 0.0, 1.0]) == self.checksum()
        assert self.checksum(users=np.array(self.USERS, "U40")) == self.checksum()


class TestRating:
    def test_a_rating_above_3_is_a_click(self):
        ratings = np.array([5, 4, 3, 2, 1, 3.5, 3, 5, 2, 4], np.float32)
        users, items = list("abcdefghij"), list("klmnopqrst")
        log = log_of(users, items, ratings)
        train, validation, test = label_parts(log, split_by_time(log), "rating")
        assert train.labels.tolist() == [1, 1, 0, 0, 0, 1, 0, 1]
        assert train.labels.dtype == np.float32
        assert "".join(train.user_ids) == "abcdefgh"
        assert "".join(train.item_ids) == "klmnopqr"
        assert len(train) == 8
        assert pairs(validation, 0) == [("i", "s")]
        assert pairs(test, 1) == [("j", "t")]

    def test_rows_are_in_the_order_of_the_split(self):
        split = TimeSplit(np.array([2, 0]), np.array([1]), np.array([3]))
        log = log_of(list("abcd"), list("klmn"), np.array([5, 1, 2, 4], np.float32))
        train, validation, test = label_parts(log, split, "rating")
        assert train.user_ids.tolist() == ["c", "a"]
        assert train.labels.tolist() == [0, 1]
        assert pairs(validation, 0) == [("b", "l")]
        assert pairs(test, 1) == [("d", "n")]

    def test_it_needs_ratings(self):
        log = log_of(["u"] * 10, list("klmnopqrst"))
        with pytest.raises(
            ValueError,
            match=r"'rating' needs ratings, and these interactions have none .* Use "
            r"the protocol 'implicit'\.",
        ):
            label_parts(log, split_by_time(log), "rating")


@st.composite
def logs(draw):
    """Logs of up to 40 rows, in which every user lacks a common item."""
    rows = draw(
        st.lists(
            st.tuples(st.sampled_from("abcde"), st.sampled_from("klmnop")),
            min_size=10,
            max_size=40,
        )
    )
    # Two users who share nothing open the log, so that each has an item to be drawn.
    rows = [("y", "u"), ("z", "v"), *rows]
    return log_of(*zip(*rows, strict=True))


class TestImplicit:
    def test_a_forced_draw(self):
        users = list("ababababab")
        log = log_of(users, ["x" if user == "a" else "y" for user in users])
        train, validation, test = label_parts(log, split_by_time(log), "implicit")
        a_row = [("a", "x", 1.0), ("a", "y", 0.0)]
        b_row = [("b", "y", 1.0), ("b", "x", 0.0)]
        for part, expected in (
            (train, 4 * (a_row + b_row)),
            (validation, a_row),
            (test, b_row),
        ):
            rows = zip(part.user_ids, part.item_ids, part.labels, strict=True)
            assert list(rows) == expected

    @settings(deadline=None)
    @given(logs(), st.integers(0, 9))
    def test_draws_keep_their_promises(self, log, seed):
        split = split_by_time(log)
        parts = label_parts(log, split, "implicit", seed)
        taken = set(zip(log.user_ids.tolist(), log.item_ids.tolist(), strict=True))
        known = set()
        for rows, part in zip(vars(split).values(), parts, strict=True):
            known |= set(log.item_ids[rows].tolist())
            assert part.labels.tolist() == [1, 0] * len(rows)
            assert part.user_ids.tolist() == np.repeat(log.user_ids[rows], 2).tolist()
            assert part.item_ids[::2].tolist() == log.item_ids[rows].tolist()
            assert not taken & set(pairs(part, 0))
            assert set(part.item_ids[1::2].tolist()) <= known

    def test_an_item_is_drawn_from_its_first_part_on(self):
        users = ["b"] + ["a"] * 98 + ["b"]
        items = ["y"] + ["x"] * 98 + ["new"]
        log = log_of(users, items)
        parts = label_parts(log, split_by_time(log), "implicit")
        drawn = [{i for u, i in pairs(part, 0) if u == "a"} for part in parts]
        assert drawn == [{"y"}, {"y"}, {"y", "new"}]

    def test_draws_are_uniform_over_what_is_allowed(self):
        others = [f"i{i}" for i in range(10)]
        users = ["b"] * 10 + ["a"] * 4000
        log = log_of(users, others + ["i0"] * 2000 + ["x"] * 2000)
        train, validation, _ = label_parts(log, split_by_time(log), "implicit")
        for part in (train, validation):
            drawn = [item for user, item in pairs(part, 0) if user == "a"]
            values, counts = np.unique(drawn, return_counts=True)
            assert values.tolist() == others[1:]
            assert chisquare(counts).pvalue > 0.01

    def test_the_seed_decides(self):
        log = log_of(list("ab") * 50, [f"i{i}" for i in range(100)])
        split = split_by_time(log)

        def draw(seed):
            return [p.sha256() for p in label_parts(log, split, "implicit", seed)]

        assert draw(3) == draw(3)
        assert not set(draw(3)) & set(draw(4))

    def test_ratings_are_not_read(self):
        users, items = list("ab") * 5, list("xy") * 5
        for ratings in (None, np.ones(10, np.float32)):
            log = log_of(users, items, ratings)
            train, _, _ = label_parts(log, split_by_time(log), "implicit")
            assert train.labels.tolist() == [1, 0] * 8

    def test_a_user_with_everything_is_an_error(self):
        log = log_of(["b", "b", "a", "a"] * 5, ["x", "y", "x", "x"] * 5)
        with pytest.raises(
            ValueError,
            match=r"^User 'b' has interacted with nearly all of 2 items, .* Use the "
            r"protocol 'rating' or leave the user out\.$",
        ):
            label_parts(log, split_by_time(log), "implicit")


def test_other_protocols_are_refused():
    log = log_of(["u"] * 10, list("klmnopqrst"))
    with pytest.raises(
        ValueError, match=r"one of \['rating', 'implicit'\]\. Received: 'clicks'\."
    ):
        label_parts(log, split_by_time(log), "clicks")
