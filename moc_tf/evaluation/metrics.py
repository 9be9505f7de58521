"""Exact metrics of predicted clicks.

Keras' streaming AUC interpolates between 200 thresholds and is off by up to 0.026
on skewed scores, more than most effects of interest here; reports need these.
"""

import dataclasses
import math

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True)
class ClickMetrics:
    """Metrics of a set of examples. NaN where one is undefined.

    Attributes:
      auc: area under the ROC curve; NaN unless both labels occur.
      logloss: mean binary cross-entropy, in nats; NaN without examples.
      gauc: AUC within users, as `grouped_auc` has it.
      rows: number of examples.
      positives: number of them with label 1.
      gauc_groups: number of users with both labels, which `gauc` is of.
    """

    auc: float
    logloss: float
    gauc: float
    rows: int
    positives: int
    gauc_groups: int


@dataclasses.dataclass(frozen=True)
class ClickEvaluation:
    """What `evaluate_clicks` finds.

    Attributes:
      all_items: metrics of all examples.
      new_items: metrics of the examples whose item is new.
    """

    all_items: ClickMetrics
    new_items: ClickMetrics

    def to_row(self) -> dict[str, float | None]:
        """The metrics of a result row by their keys there; None where undefined."""
        row = {
            "auc": self.all_items.auc,
            "logloss": self.all_items.logloss,
            "gauc": self.all_items.gauc,
            "auc_new_items": self.new_items.auc,
        }
        return {key: None if math.isnan(v) else v for key, v in row.items()}


def auc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Area under the ROC curve: how often a positive scores above a negative.

    Ties count one half.

    Args:
      labels: 0 or 1, [rows], of any numeric type.
      scores: finite numbers, [rows]; only their order matters.

    Returns:
      The AUC, in [0, 1]; NaN unless both labels occur.

    Raises:
      ValueError: if lengths differ, or a label or score is not as above.
    """
    return _auc(*_checked(labels, scores, "scores"))


def log_loss_from_logits(labels: npt.ArrayLike, logits: npt.ArrayLike) -> float:
    """Mean binary cross-entropy, mean_i log(1 + exp(-s_i x_i)) with s = 2 y - 1.

    Computed in float64 without probabilities, so no logit is too large for it.

    Args:
      labels: y, 0 or 1, [rows], of any numeric type.
      logits: x, finite log-odds of label 1, [rows].

    Returns:
      The log loss in nats, at least 0; NaN without rows.

    Raises:
      ValueError: if lengths differ, or a label or logit is not as above.
    """
    return _log_loss(*_checked(labels, logits, "logits"))


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
    labels, scores = _checked(labels, scores, "scores")
    return _grouped_auc(labels, scores, _checked_rows(groups, labels, "groups"))[0]


def evaluate_clicks(
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    user_rows: npt.ArrayLike,
    new_item_mask: npt.ArrayLike,
) -> ClickEvaluation:
    """All metrics, of all examples and of those whose item is new.

    Args:
      labels: 0 or 1, [rows], of any numeric type.
      logits: finite log-odds of label 1, [rows].
      user_rows: the user of each example, integers or strings, [rows].
      new_item_mask: booleans, [rows]: was the item unseen in training?

    Raises:
      ValueError: if lengths differ, or an argument is not as above.
    """
    labels, logits = _checked(labels, logits, "logits")
    users = _checked_rows(user_rows, labels, "user_rows")
    new = _checked_rows(new_item_mask, labels, "new_item_mask")
    if new.dtype != np.bool_:
        raise ValueError(f"new_item_mask must be boolean. Received: dtype {new.dtype}.")
    return ClickEvaluation(
        all_items=_click_metrics(labels, logits, users),
        new_items=_click_metrics(labels[new], logits[new], users[new]),
    )


def _click_metrics(
    labels: np.ndarray, logits: np.ndarray, users: np.ndarray
) -> ClickMetrics:
    gauc, gauc_groups = _grouped_auc(labels, logits, users)
    return ClickMetrics(
        auc=_auc(labels, logits),
        logloss=_log_loss(labels, logits),
        gauc=gauc,
        rows=len(labels),
        positives=int(labels.sum()),
        gauc_groups=gauc_groups,
    )


def _auc(labels: np.ndarray, scores: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    if labels.all() or not labels.any():
        return math.nan
    return float(roc_auc_score(labels, scores))


def _log_loss(labels: np.ndarray, logits: np.ndarray) -> float:
    if not labels.size:
        return math.nan
    signed = np.where(labels, logits, -logits)
    return float(np.logaddexp(0.0, -signed).mean())


def _grouped_auc(
    labels: np.ndarray, scores: np.ndarray, groups: np.ndarray
) -> tuple[float, int]:
    """The grouped AUC and the number of groups that have one.

    By the Mann-Whitney statistic: a group's AUC is (R - P (P + 1) / 2) / (P Q), R the
    sum of its P positives' ranks within the group, Q the number of its negatives.
    """
    _, group = np.unique(groups, return_inverse=True)
    order = np.lexsort((scores, group))
    labels, scores, group = labels[order], scores[order], group[order]

    rows = np.bincount(group)
    positives = np.bincount(group, weights=labels)
    negatives = rows - positives
    group_start = np.cumsum(rows) - rows
    ranks = _average_positions(group, scores) - group_start[group] + 1

    rank_sum = np.bincount(group, weights=ranks * labels)
    has_auc = (positives > 0) & (negatives > 0)
    if not has_auc.any():
        return math.nan, 0
    wins = rank_sum - positives * (positives + 1) / 2
    aucs = wins[has_auc] / (positives * negatives)[has_auc]
    return float(np.average(aucs, weights=rows[has_auc])), int(has_auc.sum())


def _average_positions(group: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Position of each row, from 0; rows tied in group and score share their mean."""
    changes = (np.diff(group) != 0) | (scores[1:] != scores[:-1])
    tie = np.concatenate([[0], np.cumsum(changes)])[: len(scores)]
    counts = np.bincount(tie)
    starts = np.cumsum(counts) - counts
    return (starts + (counts - 1) / 2)[tie]


def _checked(
    labels: npt.ArrayLike, scores: npt.ArrayLike, what: str
) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels as booleans and scores as float64, or raises ValueError."""
    truth = np.asarray(labels)
    if truth.ndim != 1:
        raise ValueError(
            f"labels must be one-dimensional. Received: shape {truth.shape}."
        )
    positive = truth == 1
    wrong = ~(positive | (truth == 0))
    if wrong.any():
        raise ValueError(
            f"labels must be 0 or 1. Received: {truth[wrong][0]} at row "
            f"{wrong.argmax()}."
        )
    values = _checked_rows(scores, truth, what).astype(np.float64)
    infinite = ~np.isfinite(values)
    if infinite.any():
        raise ValueError(
            f"{what} must be finite. Received: {values[infinite][0]} at row "
            f"{infinite.argmax()}, and {infinite.sum() - 1} more that are not; has "
            "the training diverged?"
        )
    return positive, values


def _checked_rows(values: npt.ArrayLike, labels: np.ndarray, what: str) -> np.ndarray:
    """Returns `values` as an array with one value a label, or raises ValueError."""
    array = np.asarray(values)
    if array.shape != labels.shape:
        raise ValueError(
            f"{what} must have one value a label, shape {labels.shape}. Received: "
            f"shape {array.shape}."
        )
    return array
