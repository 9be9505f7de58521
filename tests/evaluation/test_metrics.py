import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from moc_tf.evaluation import (
    auc,
    evaluate_clicks,
    grouped_auc,
    log_loss_from_logits,
)

# Few different scores and groups, so that ties and one-sided groups are common.
EXAMPLES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-3, 3), st.integers(0, 4)),
    max_size=60,
)


def grouped_auc_by_loop(labels, scores, groups):
    total = weight = 0
    for group in np.unique(groups):
        here = groups == group
        if 0 < labels[here].sum() < here.sum():
            total += here.sum() * roc_auc_score(labels[here], scores[here])
            weight += here.sum()
    return total / weight if weight else math.nan


def test_auc_counts_pairs_in_order():
    # Positive against negative: 2 > 1, 2 < 3, 3 > 1, 3 = 3.
    assert auc([1, 1, 0, 0], [2, 3, 1, 3]) == (1 + 0 + 1 + 1 / 2) / 4
    assert auc([True, False], np.array([1, 0], np.float16)) == 1


@pytest.mark.parametrize("labels", [[], [1, 1], [0.0, 0.0]])
def test_auc_of_one_class_is_nan(labels):
    assert math.isnan(auc(labels, np.zeros(len(labels))))


def test_log_loss_by_hand():
    # p = 1/2, then p = 3/4 for a negative.
    expected = (math.log(2) + math.log(4)) / 2
    assert log_loss_from_logits([1, 0], [0, math.log(3)]) == pytest.approx(expected)
    assert math.isnan(log_loss_from_logits([], []))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(-15, 15)), min_size=1, max_size=50)
)
def test_log_loss_is_that_of_scikit_learn(examples):
    labels, logits = np.array(examples).T
    oracle = log_loss(labels, 1 / (1 + np.exp(-logits)), labels=[0, 1])
    assert log_loss_from_logits(labels, logits) == pytest.approx(oracle, rel=1e-6)


def test_log_loss_is_exact_far_out():
    assert log_loss_from_logits([0, 1], [1e4, -3e4]) == 2e4
    assert log_loss_from_logits([1], [50]) == pytest.approx(math.exp(-50), rel=1e-12)
    assert log_loss_from_logits([0], [-700]) > 0
    # In float32, as models give it, this sum would lose most digits.
    logits = np.full(100_000, 3.0, np.float32)
    expected = math.log1p(math.exp(-3))
    assert log_loss_from_logits(np.ones(100_000), logits) == pytest.approx(
        expected, rel=1e-12
    )


def test_grouped_auc_by_hand():
    labels = [1, 0, 0, 1, 1, 0, 1]
    scores = [2, 1, 3, 9, 8, 5, 5]
    groups = ["a", "a", "a", "b", "b", "c", "c"]
    # a: one of two pairs in order, 3 rows. b: one label only. c: a tie, 2 rows.
    assert grouped_auc(labels, scores, groups) == (3 * 0.5 + 2 * 0.5) / 5
    assert grouped_auc(labels, [2, 1, 1, 9, 8, 5, 5], groups) == (3 * 1 + 2 * 0.5) / 5


@settings(deadline=None)
@given(EXAMPLES)
def test_grouped_auc_is_a_loop_over_scikit_learn(examples):
    labels, scores, groups = np.array(examples, int).reshape(-1, 3).T
    expected = grouped_auc_by_loop(labels, scores, groups)
    assert grouped_auc(labels, scores, groups) == pytest.approx(
        expected, rel=1e-12, nan_ok=True
    )


@settings(deadline=None)
@given(EXAMPLES, st.randoms())
def test_grouped_auc_looks_at_order_within_groups_only(examples, random):
    random.shuffle(examples)
    labels, scores, groups = np.array(examples, int).reshape(-1, 3).T
    moved = np.exp(scores / 2) + 100 * groups  # monotone within each group
    assert grouped_auc(labels, moved, groups) == pytest.approx(
        grouped_auc(labels, scores, groups), rel=1e-12, nan_ok=True
    )


def test_evaluate_clicks_gives_all_metrics_of_all_and_of_new_items():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 500)
    logits = rng.normal(size=500) + 0.5 * labels
    users = rng.integers(0, 60, 500)
    new = rng.random(500) < 0.3
    result = evaluate_clicks(labels, logits, users, new)
    for metrics, rows in [(result.all_items, ...), (result.new_items, new)]:
        y, x, u = labels[rows], logits[rows], users[rows]
        assert metrics.auc == pytest.approx(roc_auc_score(y, x), rel=1e-12)
        assert metrics.logloss == pytest.approx(
            log_loss(y, 1 / (1 + np.exp(-x))), rel=1e-9
        )
        assert metrics.gauc == pytest.approx(grouped_auc_by_loop(y, x, u), rel=1e-12)
        assert (metrics.rows, metrics.positives) == (len(y), y.sum())
        assert metrics.gauc_groups == sum(
            len(set(y[u == user])) == 2 for user in np.unique(u)
        )
    assert result.to_row() == {
        "auc": result.all_items.auc,
        "logloss": result.all_items.logloss,
        "gauc": result.all_items.gauc,
        "auc_new_items": result.new_items.auc,
    }


def test_what_is_undefined_is_nan_and_none_in_a_row():
    result = evaluate_clicks([1, 0], [1.0, 0.0], ["u", "v"], [False, False])
    assert result.new_items.rows == result.new_items.gauc_groups == 0
    assert math.isnan(result.new_items.logloss)
    row = result.to_row()
    assert row["auc"] == 1
    assert row["gauc"] is row["auc_new_items"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 2], [0, 0], [0, 0], [True, True]), r"0 or 1\. Received: 2 at row 1"),
        (([0, math.nan], [0, 0], [0, 0], [True, True]), r"0 or 1\. Received: nan"),
        (([[0]], [0], [0], [True]), r"labels must be one-dim.* Received: shape \(1, 1"),
        (([0, 1], [0], [0, 0], [True, True]), r"logits must.*\(2,\)\. .* \(1,\)"),
        (([0, 1], [[0], [1]], [0, 0], [True, True]), r"logits must.* \(2, 1\)"),
        (
            ([0, 1, 1], [0, math.nan, math.inf], [0, 0, 0], [True] * 3),
            r"logits must be finite\. Received: nan at row 1, and 1 more",
        ),
        (([0, 1], [0, 1], [0], [True, True]), r"user_rows must have one value"),
        (([0, 1], [0, 1], [0, 0], [True]), r"new_item_mask must have one value"),
        (([0, 1], [0, 1], [0, 0], [0, 1]), r"new_item_mask must be boolean.* int64"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        evaluate_clicks(*arguments)


def test_each_metric_checks_its_input():
    with pytest.raises(ValueError, match="scores must be finite"):
        auc([0, 1], [0, math.inf])
    with pytest.raises(ValueError, match="logits must be finite"):
        log_loss_from_logits([0, 1], [0, math.nan])
    with pytest.raises(ValueError, match="groups must have one value a label"):
        grouped_auc([0, 1], [0, 1], [0])
