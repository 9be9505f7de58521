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


class TestClick:
    def test_the_log_says_what_is_a_click_whatever_the_ratings(self):
        clicks = np.array([0, 1, 1, 0, 0, 0, 1, 0, 0, 1])
        times = np.arange(10)
        ratings = np.full(10, 5, np.float32)
        users, items = list("abcdefghij"), list("klmnopqrst")
        log = Interactions(users, items, times, ratings, clicks)
        train, validation, test = label_parts(log, split_by_time(log), "click")
        assert train.labels.tolist() == [0, 1, 1, 0, 0, 0, 1, 0]
        assert train.labels.dtype == np.float32
        assert "".join(train.user_ids) == "abcdefgh"
        assert "".join(train.item_ids) == "klmnopqr"
        assert pairs(validation, 0) == [("i", "s")]
        assert pairs(test, 1) == [("j", "t")]

    def test_it_needs_clicks(self):
        log = log_of(["u"] * 10, list("klmnopqrst"), np.full(10, 5, np.float32))
        with pytest.raises(
            ValueError,
            match=r"'click' needs clicks, and these interactions have none .*`click`.* "
            r"Use the protocol 'implicit'\.",
        ):
            label_parts(log, split_by_time(log), "click")


@st.composite
def logs(draw):
    """A log of up to 40 rows and a split of it, by which each part has a draw."""
    rows, parts = [], []
    for _ in range(3):
        more = draw(
            st.lists(
                st.tuples(st.sampled_from("abcde"), st.sampled_from("klmnop")),
                max_size=11,
            )
        )
        # Two users who share nothing, so that everyone has an item to be drawn.
        more = [("y", "u"), ("z", "v"), *more]
        parts.append(np.arange(len(more)) + len(rows))
        rows += more
    return log_of(*zip(*rows, strict=True)), TimeSplit(*parts)


class TestImplicit:
    def test_a_forced_draw(self):
        users = list("ab" * 10)
        log = log_of(users, ["x" if user == "a" else "y" for user in users])
        train, validation, test = label_parts(log, split_by_time(log), "implicit")
        a_row = [("a", "x", 1.0), ("a", "y", 0.0)]
        b_row = [("b", "y", 1.0), ("b", "x", 0.0)]
        for part, times in ((train, 8), (validation, 1), (test, 1)):
            rows = zip(part.user_ids, part.item_ids, part.labels, strict=True)
            assert list(rows) == times * (a_row + b_row)

    @settings(deadline=None)
    @given(logs(), st.integers(0, 9))
    def test_draws_keep_their_promises(self, log_and_split, seed):
        log, split = log_and_split
        parts = label_parts(log, split, "implicit", seed)
        taken = set(zip(log.user_ids.tolist(), log.item_ids.tolist(), strict=True))
        for rows, part in zip(vars(split).values(), parts, strict=True):
            assert part.labels.tolist() == [1, 0] * len(rows)
            assert part.user_ids.tolist() == np.repeat(log.user_ids[rows], 2).tolist()
            assert part.item_ids[::2].tolist() == log.item_ids[rows].tolist()
            assert not taken & set(pairs(part, 0))
            assert set(part.item_ids[1::2]) <= set(log.item_ids[rows])

    def test_what_a_user_takes_later_is_not_drawn(self):
        users, items = ["a", "b", "b", "b"] * 10, ["x", "y", "z", "y"] * 10
        users[-1], items[-1] = "a", "z"
        log = log_of(users, items)
        train, _, _ = label_parts(log, split_by_time(log), "implicit")
        assert {item for user, item in pairs(train, 0) if user == "a"} == {"y"}

    def test_draws_are_as_frequent_as_the_interactions_of_the_part(self):
        often = {f"i{i}": i for i in range(1, 11)}
        others = [item for item, count in often.items() for _ in range(count)]
        users = ["b"] * 55 + ["a"] * 55
        log = log_of(
            22 * users,
            20 * (others + ["own"] * 55) + 2 * (["last"] * 55 + ["own"] * 55),
        )
        train, rest = np.split(np.arange(22 * 110), [20 * 110])
        parts = label_parts(log, TimeSplit(train, rest, rest), "implicit")
        drawn = [
            [item for user, item in pairs(part, 0) if user == "a"] for part in parts
        ]
        values, counts = np.unique(drawn[0], return_counts=True)
        assert set(values) == set(often)
        expected = np.array([often[str(value)] for value in values])
        assert chisquare(counts, 20 * expected).pvalue > 0.01
        assert set(drawn[1]) == set(drawn[2]) == {"last"}

    def test_the_seed_decides(self):
        log = log_of(list("ab") * 50, [f"i{i}" for i in range(100)])
        split = split_by_time(log)

        def draw(seed):
            return [p.sha256() for p in label_parts(log, split, "implicit", seed)]

        assert draw(3) == draw(3)
        assert not set(draw(3)) & set(draw(4))

    def test_ratings_are_not_read(self):
        users, items = list("ab") * 10, list("xy") * 10
        for ratings in (None, np.ones(20, np.float32)):
            log = log_of(users, items, ratings)
            train, _, _ = label_parts(log, split_by_time(log), "implicit")
            assert train.labels.tolist() == [1, 0] * 16

    def test_a_user_with_everything_is_an_error(self):
        log = log_of(["b", "b", "a", "a"] * 5, ["x", "y", "x", "x"] * 5)
        with pytest.raises(
            ValueError,
            match=r"^User 'b' has interacted with the items of nearly all 16 .* Use "
            r"the protocol 'rating', leave the user out, or bring a longer log\.$",
        ):
            label_parts(log, split_by_time(log), "implicit")


def test_other_protocols_are_refused():
    log = log_of(["u"] * 10, list("klmnopqrst"))
    with pytest.raises(
        ValueError,
        match=r"one of \['rating', 'implicit', 'click'\]\. Received: 'clicks'\.",
    ):
        label_parts(log, split_by_time(log), "clicks")
