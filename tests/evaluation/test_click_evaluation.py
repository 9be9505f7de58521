import dataclasses
import math

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from moc_tf.evaluation import (
    ITEM_GROUPS,
    USER_GROUPS,
    calibration,
    calibration_error,
    evaluate_clicks,
    grouped_auc,
    mean_group_auc,
    normalized_entropy,
    reliability_table,
)

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(0, 2, 500)
LOGITS = RANDOM.normal(size=500) + 0.5 * LABELS
USERS = RANDOM.integers(0, 60, 500)
ITEM_OF = RANDOM.integers(0, 4, 500)
USER_OF = RANDOM.integers(0, 3, 500)


@pytest.fixture(scope="module")
def result():
    return evaluate_clicks(LABELS, LOGITS, USERS, ITEM_OF == 0, ITEM_OF, USER_OF)


def assert_metrics_of(metrics, rows):
    y, x, u = LABELS[rows], LOGITS[rows], USERS[rows]
    expected = {
        "auc": roc_auc_score(y, x),
        "logloss": log_loss(y, 1 / (1 + np.exp(-x))),
        "normalized_entropy": normalized_entropy(y, x),
        "calibration": calibration(y, x),
        "calibration_error": calibration_error(reliability_table(y, x)),
        "gauc": grouped_auc(y, x, u),
        "gauc_unweighted": mean_group_auc(y, x, u),
        "rows": len(y),
        "positives": y.sum(),
        "gauc_groups": sum(len(set(y[u == user])) == 2 for user in np.unique(u)),
    }
    assert dataclasses.asdict(metrics) == pytest.approx(expected, rel=1e-9)


def test_all_metrics_of_all_rows_and_of_each_group(result):
    assert_metrics_of(result.all_items, slice(None))
    assert_metrics_of(result.new_items, ITEM_OF == 0)
    for names, groups, found in (
        (ITEM_GROUPS, ITEM_OF, result.by_item),
        (USER_GROUPS, USER_OF, result.by_user),
    ):
        assert list(found) == list(names)
        for index, name in enumerate(names):
            assert_metrics_of(found[name], groups == index)


def test_a_row_has_them_by_name(result):
    overall, items, users = result.all_items, result.by_item, result.by_user
    assert result.to_row() == {
        "auc": overall.auc,
        "logloss": overall.logloss,
        "gauc": overall.gauc,
        "gauc_unweighted": overall.gauc_unweighted,
        "normalized_entropy": overall.normalized_entropy,
        "calibration": overall.calibration,
        "calibration_error": overall.calibration_error,
        "auc_new_items": result.new_items.auc,
        "auc_tail_items": items["tail"].auc,
        "auc_middle_items": items["middle"].auc,
        "auc_head_items": items["head"].auc,
        "auc_new_users": users["new"].auc,
        "auc_light_users": users["light"].auc,
        "auc_heavy_users": users["heavy"].auc,
    }


def test_new_items_are_told_by_mask_or_by_group(result):
    by_mask = evaluate_clicks(LABELS, LOGITS, USERS, ITEM_OF == 0)
    by_group = evaluate_clicks(LABELS, LOGITS, USERS, item_groups=ITEM_OF)
    assert by_mask.new_items == by_group.new_items == result.new_items
    assert by_mask.by_item == by_mask.by_user == {}
    assert by_group.by_item == result.by_item
    row = by_mask.to_row()
    assert row["auc_tail_items"] is row["auc_new_users"] is None
    assert row.keys() == result.to_row().keys()


def test_what_is_undefined_is_nan_and_none_in_a_row():
    result = evaluate_clicks([1, 0], [1.0, 0.0], ["u", "v"], [False, False], [1, 2])
    assert result.new_items.rows == result.new_items.gauc_groups == 0
    assert math.isnan(result.new_items.logloss)
    assert math.isnan(result.new_items.calibration_error)
    row = result.to_row()
    assert row["auc"] == 1
    assert row["gauc"] is row["gauc_unweighted"] is row["auc_new_items"] is None
    assert row["auc_tail_items"] is None  # one label only
    assert evaluate_clicks([1, 0], [1.0, 0.0]).to_row()["gauc"] is None


def test_equal_evaluations_are_equal_where_something_is_undefined():
    arguments = ([1, 0], [1.0, 0.0], ["u", "v"], [True, False], [0, 2], [0, 2])
    assert evaluate_clicks(*arguments) == evaluate_clicks(*arguments)


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
        (([0, 1], [0, 1], None, None, [0, 4]), r"item_groups .* \[0, 4\).*\[0, 4\]"),
        (([0, 1], [0, 1], None, None, [-1, 0]), r"item_groups .*'head'.*\[-1, 0\]"),
        (([0, 1], [0, 1], None, None, None, [0, 3]), r"user_groups .* \[0, 3\)"),
        (([0, 1], [0, 1], None, None, None, [0.0, 1]), r"user_groups must be integers"),
        (([0, 1], [0, 1], None, None, [0]), r"item_groups must have one value a label"),
        (
            ([0, 1], [0, 1], None, [True, False], [0, 0]),
            r"same new items\. Received: 1 rows and 2, different at row 1",
        ),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        evaluate_clicks(*arguments)
