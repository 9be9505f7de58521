import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from moc_tf.evaluation import grouped_auc, mean_group_auc

# Few different scores and groups, so that ties and one-sided groups are common.
EXAMPLES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-3, 3), st.integers(0, 4)),
    max_size=60,
)


def by_loop(labels, scores, groups, weighted):
    """The mean of scikit-learn's AUC of each group with both labels."""
    aucs, weights = [], []
    for group in np.unique(groups):
        here = groups == group
        if 0 < labels[here].sum() < here.sum():
            aucs.append(roc_auc_score(labels[here], scores[here]))
            weights.append(here.sum() if weighted else 1)
    return np.average(aucs, weights=weights) if aucs else math.nan


def test_both_means_by_hand():
    labels = [1, 0, 0, 1, 1, 0, 1]
    scores = [2, 1, 3, 9, 8, 5, 5]
    groups = ["a", "a", "a", "b", "b", "c", "c"]
    # a: one of two pairs in order, 3 rows. b: one label only. c: a tie, 2 rows.
    assert grouped_auc(labels, scores, groups) == (3 * 0.5 + 2 * 0.5) / 5
    ordered = [2, 1, 1, 9, 8, 5, 5]
    assert grouped_auc(labels, ordered, groups) == (3 * 1 + 2 * 0.5) / 5
    assert mean_group_auc(labels, ordered, groups) == (1 + 0.5) / 2


@settings(deadline=None)
@given(EXAMPLES)
def test_they_are_loops_over_scikit_learn(examples):
    columns = np.array(examples, int).reshape(-1, 3).T
    for function, weighted in ((grouped_auc, True), (mean_group_auc, False)):
        expected = by_loop(*columns, weighted)
        assert function(*columns) == pytest.approx(expected, rel=1e-12, nan_ok=True)


@settings(deadline=None)
@given(EXAMPLES, st.randoms())
def test_they_look_at_order_within_groups_only(examples, random):
    random.shuffle(examples)
    labels, scores, groups = np.array(examples, int).reshape(-1, 3).T
    moved = np.exp(scores / 2) + 100 * groups  # monotone within each group
    for function in (grouped_auc, mean_group_auc):
        assert function(labels, moved, groups) == pytest.approx(
            function(labels, scores, groups), rel=1e-12, nan_ok=True
        )


def test_bad_input_is_named():
    for function in (grouped_auc, mean_group_auc):
        with pytest.raises(ValueError, match="groups must have one value a label"):
            function([0, 1], [0, 1], [0])
        with pytest.raises(ValueError, match="scores must be finite"):
            function([0, 1], [0, math.inf], [0, 0])
