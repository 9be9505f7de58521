"""All metrics of a set of predicted clicks, of all rows and of groups of them."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from moc_tf.evaluation.checked_clicks import checked_clicks, checked_rows
from moc_tf.evaluation.frequency import ITEM_GROUPS, USER_GROUPS
from moc_tf.evaluation.group_auc import group_aucs, plain_mean, weighted_mean
from moc_tf.evaluation.metrics import auc, log_loss_from_logits, normalized_entropy
from moc_tf.evaluation.reliability import (
    calibration,
    calibration_error,
    reliability_table,
)


@dataclasses.dataclass(frozen=True)
class ClickMetrics:
    """Metrics of a set of examples. NaN where one is undefined.

    Attributes:
      auc: area under the ROC curve; NaN unless both labels occur.
      logloss: mean binary cross-entropy, in nats; NaN without examples.
      normalized_entropy: log loss over that of the base rate; NaN unless both labels
        occur.
      calibration: mean prediction over mean label; NaN without positives.
      calibration_error: expected calibration error in ten bins of equally many rows.
      gauc: AUC within users, weighted by rows, as `grouped_auc` has it.
      gauc_unweighted: the plain mean over users, as `mean_group_auc` has it.
      rows: number of examples.
      positives: number of them with label 1.
      gauc_groups: number of users with both labels, which both `gauc`s are of.
    """

    auc: float
    logloss: float
    normalized_entropy: float
    calibration: float
    calibration_error: float
    gauc: float
    gauc_unweighted: float
    rows: int
    positives: int
    gauc_groups: int


@dataclasses.dataclass(frozen=True)
class ClickEvaluation:
    """What `evaluate_clicks` finds.

    Attributes:
      all_items: metrics of all examples.
      new_items: metrics of the examples whose item is new.
      by_item: metrics by the name of the item's group, those of `ITEM_GROUPS`; empty
        if the groups were not told.
      by_user: metrics by the name of the user's group, those of `USER_GROUPS`; empty
        if the groups were not told.
    """

    all_items: ClickMetrics
    new_items: ClickMetrics
    by_item: Mapping[str, ClickMetrics] = dataclasses.field(default_factory=dict)
    by_user: Mapping[str, ClickMetrics] = dataclasses.field(default_factory=dict)

    def to_row(self) -> dict[str, float | None]:
        """The metrics of a result row by their keys there; None where undefined."""
        row = {
            "auc": self.all_items.auc,
            "logloss": self.all_items.logloss,
            "gauc": self.all_items.gauc,
            "gauc_unweighted": self.all_items.gauc_unweighted,
            "normalized_entropy": self.all_items.normalized_entropy,
            "calibration": self.all_items.calibration,
            "calibration_error": self.all_items.calibration_error,
            "auc_new_items": self.new_items.auc,
        }
        for names, found, of in (
            (ITEM_GROUPS, self.by_item, "items"),
            (USER_GROUPS, self.by_user, "users"),
        ):
            for name in names:
                if (key := f"auc_{name}_{of}") not in row:
                    row[key] = found[name].auc if name in found else math.nan
        return {key: None if math.isnan(v) else v for key, v in row.items()}


def evaluate_clicks(
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    user_rows: npt.ArrayLike | None = None,
    new_item_mask: npt.ArrayLike | None = None,
    item_groups: npt.ArrayLike | None = None,
    user_groups: npt.ArrayLike | None = None,
) -> ClickEvaluation:
    """All metrics, of all examples and of groups of them.

    What is not told leaves undefined what needs it.

    Args:
      labels: 0 or 1, [rows], of any numeric type.
      logits: finite log-odds of label 1, [rows].
      user_rows: the user of each example, integers or strings, [rows].
      new_item_mask: booleans, [rows]: was the item unseen in training?
      item_groups: group of each example's item, [rows], as `item_groups` gives it.
      user_groups: group of each example's user, [rows], as `user_groups` gives it.

    Raises:
      ValueError: if lengths differ, or an argument is not as above, or if mask and
        groups tell of different new items.
    """
    truth, values = checked_clicks(labels, logits, "logits")
    users = None if user_rows is None else checked_rows(user_rows, truth, "user_rows")
    new = np.zeros(truth.shape, bool)
    if new_item_mask is not None:
        new = checked_rows(new_item_mask, truth, "new_item_mask")
        if new.dtype != np.bool_:
            raise ValueError(
                f"new_item_mask must be boolean. Received: dtype {new.dtype}."
            )

    def metrics(rows: np.ndarray | slice) -> ClickMetrics:
        here = None if users is None else users[rows]
        return _click_metrics(truth[rows], values[rows], here)

    def by_group(
        groups: npt.ArrayLike | None, names: Sequence[str], what: str
    ) -> tuple[np.ndarray | None, dict[str, ClickMetrics]]:
        if groups is None:
            return None, {}
        indices = checked_rows(groups, truth, what)
        if indices.size and (
            indices.dtype.kind not in "iu"
            or not (indices.min() >= 0 and indices.max() < len(names))
        ):
            raise ValueError(
                f"{what} must be integers in [0, {len(names)}), which stand for "
                f"{list(names)}. Received: {np.unique(indices)[:9].tolist()}."
            )
        return indices, {
            name: metrics(indices == index) for index, name in enumerate(names)
        }

    items, by_item = by_group(item_groups, ITEM_GROUPS, "item_groups")
    _, by_user = by_group(user_groups, USER_GROUPS, "user_groups")
    if items is not None:
        if new_item_mask is not None and (new != (items == 0)).any():
            raise ValueError(
                "new_item_mask and item_groups must tell of the same new items. "
                f"Received: {new.sum()} rows and {(items == 0).sum()}, different at "
                f"row {(new != (items == 0)).argmax()}."
            )
        new = items == 0
    return ClickEvaluation(metrics(slice(None)), metrics(new), by_item, by_user)


def _click_metrics(
    labels: np.ndarray, logits: np.ndarray, users: np.ndarray | None
) -> ClickMetrics:
    aucs, rows = np.zeros(0), np.zeros(0, int)
    if users is not None:
        aucs, rows = group_aucs(labels, logits, users)
    return ClickMetrics(
        auc=auc(labels, logits),
        logloss=log_loss_from_logits(labels, logits),
        normalized_entropy=normalized_entropy(labels, logits),
        calibration=calibration(labels, logits),
        calibration_error=calibration_error(reliability_table(labels, logits)),
        gauc=weighted_mean(aucs, rows),
        gauc_unweighted=plain_mean(aucs),
        rows=len(labels),
        positives=int(labels.sum()),
        gauc_groups=len(aucs),
    )
