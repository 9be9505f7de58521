"""AUC within users, whose mean over users has two definitions."""

import math

import numpy as np
import numpy.typing as npt

from moc_tf.evaluation.checked_clicks import checked_clicks, checked_rows


def grouped_auc(
    labels: npt.ArrayLike, scores: npt.ArrayLike, groups: npt.ArrayLike
) -> float:
    """Mean of the AUC within each group, weighted by the group's number of rows.

    With users as groups this is GAUC, the metric of Zhou et al., "Deep Interest
    Network for Click-Through Rate Prediction" (arXiv 1706.06978): how well a user's
    own items are ordered, whatever the users' base rates. Groups with one label
    only have no AUC and are left out.

    Args:
      labels: 0 or 1, [rows], of any numeric type.
      scores: finite numbers, [rows].
      groups: the group of each row, integers or strings, [rows].

    Returns:
      The grouped AUC, in [0, 1]; NaN if no group has both labels.

    Raises:
      ValueError: if lengths differ, or a label or score is not as above.
    """
    return weighted_mean(*group_aucs(labels, scores, groups))


def mean_group_auc(
    labels: npt.ArrayLike, scores: npt.ArrayLike, groups: npt.ArrayLike
) -> float:
    """Plain mean of the AUC within each group, each group counting once.

    So users with few rows, and coarse AUCs, weigh as much as those with many: it
    speaks of the average user, where `grouped_auc` speaks of the average impression.

    Args:
      labels: 0 or 1, [rows], of any numeric type.
      scores: finite numbers, [rows].
      groups: the group of each row, integers or strings, [rows].

    Returns:
      The mean, in [0, 1]; NaN if no group has both labels.

    Raises:
      ValueError: if lengths differ, or a label or score is not as above.
    """
    return plain_mean(group_aucs(labels, scores, groups)[0])


def weighted_mean(aucs: np.ndarray, rows: np.ndarray) -> float:
    """The mean of groups' AUCs by their numbers of rows; NaN without groups."""
    return float(np.average(aucs, weights=rows)) if aucs.size else math.nan


def plain_mean(aucs: np.ndarray) -> float:
    """The mean of groups' AUCs; NaN without groups."""
    return float(aucs.mean()) if aucs.size else math.nan


def group_aucs(
    labels: npt.ArrayLike, scores: npt.ArrayLike, groups: npt.ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """AUC and number of rows of each group with both labels, in the groups' order.

    By the Mann-Whitney statistic: a group's AUC is (R - P (P + 1) / 2) / (P Q), R the
    sum of its P positives' ranks within the group, Q the number of its negatives.

    Raises:
      ValueError: if lengths differ, or a label or score is not 0 or 1, or finite.
    """
    truth, values = checked_clicks(labels, scores, "scores")
    _, group = np.unique(checked_rows(groups, truth, "groups"), return_inverse=True)
    order = np.lexsort((values, group))
    truth, values, group = truth[order], values[order], group[order]

    rows = np.bincount(group)
    positives = np.bincount(group, weights=truth)
    negatives = rows - positives
    group_start = np.cumsum(rows) - rows
    ranks = _average_positions(group, values) - group_start[group] + 1

    rank_sum = np.bincount(group, weights=ranks * truth)
    has_auc = (positives > 0) & (negatives > 0)
    wins = rank_sum - positives * (positives + 1) / 2
    return wins[has_auc] / (positives * negatives)[has_auc], rows[has_auc]


def _average_positions(group: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Position of each row, from 0; rows tied in group and score share their mean."""
    changes = (np.diff(group) != 0) | (scores[1:] != scores[:-1])
    tie = np.concatenate([[0], np.cumsum(changes)])[: len(scores)]
    counts = np.bincount(tie)
    starts = np.cumsum(counts) - counts
    return (starts + (counts - 1) / 2)[tie]
