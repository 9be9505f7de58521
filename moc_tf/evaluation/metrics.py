"""Exact metrics of predicted clicks.

Keras' streaming AUC interpolates between 200 thresholds and is off by up to 0.026
on skewed scores, more than most effects of interest here; reports need these.
"""

import math

import numpy as np
import numpy.typing as npt
from scipy.stats import entropy

from moc_tf.evaluation.checked_clicks import weighted_clicks


def auc(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> float:
    """Area under the ROC curve: how often a positive scores above a negative.

    Ties count one half.

    Args:
      labels: 0 or 1, [rows], of any numeric type.
      scores: finite numbers, [rows]; only their order matters.
      weights: how often each row counts, at least 0, [rows]; None is once.

    Returns:
      The AUC, in [0, 1]; NaN unless both labels occur.

    Raises:
      ValueError: if lengths differ, or a label, score or weight is not as above.
    """
    from sklearn.metrics import roc_auc_score

    truth, values, counted = weighted_clicks(labels, scores, "scores", weights)
    if truth.all() or not truth.any():
        return math.nan
    return float(roc_auc_score(truth, values, sample_weight=counted))


def log_loss_from_logits(
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> float:
    """Mean binary cross-entropy, mean_i log(1 + exp(-s_i x_i)) with s = 2 y - 1.

    Computed in float64 without probabilities, so no logit is too large for it.

    Args:
      labels: y, 0 or 1, [rows], of any numeric type.
      logits: x, finite log-odds of label 1, [rows].
      weights: of the mean, at least 0, [rows]; None counts every row alike.

    Returns:
      The log loss in nats, at least 0; NaN without rows.

    Raises:
      ValueError: if lengths differ, or a label, logit or weight is not as above.
    """
    truth, values, counted = weighted_clicks(labels, logits, "logits", weights)
    if not truth.size:
        return math.nan
    losses = np.logaddexp(0.0, np.where(truth, -values, values))
    return float(np.average(losses, weights=counted))


def normalized_entropy(
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> float:
    """Log loss over that of always predicting the base rate.

        NE = logloss / -(p log p + (1 - p) log(1 - p)),   p the mean label

    Below 1 is better than the base rate. Unlike log loss, it can be compared between
    data sets of different base rates.

    Source: He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook",
    ADKDD 2014. Here, p is the base rate of the very rows that are evaluated, so that
    no constant prediction gets below 1.

    Args:
      labels: 0 or 1, [rows], of any numeric type.
      logits: finite log-odds of label 1, [rows].
      weights: of both means, at least 0, [rows]; None counts every row alike.

    Returns:
      The normalised entropy, at least 0; NaN unless both labels occur.

    Raises:
      ValueError: if lengths differ, or a label, logit or weight is not as above.
    """
    truth, values, counted = weighted_clicks(labels, logits, "logits", weights)
    if truth.all() or not truth.any():
        return math.nan
    rate = np.average(truth, weights=counted)
    base = entropy([rate, 1 - rate])
    return log_loss_from_logits(truth, values, counted) / float(base)
