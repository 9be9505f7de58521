"""Whether predicted probabilities are those of the labels."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from moc_tf.evaluation.checked_clicks import checked_clicks, weighted_clicks


class ReliabilityBin(NamedTuple):
    """Rows of similar predictions.

    Attributes:
      rows: number of rows, at least 1.
      predicted: their mean predicted probability.
      observed: share of them with label 1.
    """

    rows: int
    predicted: float
    observed: float


def calibration(
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> float:
    """Mean predicted probability over mean label: 1 is right, above 1 too high.

    Source: He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook",
    ADKDD 2014.

    Args:
      labels: 0 or 1, [rows], of any numeric type.
      logits: finite log-odds of label 1, [rows].
      weights: of both means, at least 0, [rows]; None counts every row alike.

    Returns:
      The ratio; NaN unless label 1 occurs.

    Raises:
      ValueError: if lengths differ, or a label, logit or weight is not as above.
    """
    truth, values, counted = weighted_clicks(labels, logits, "logits", weights)
    if not truth.any():
        return math.nan
    predicted = np.average(expit(values), weights=counted)
    return float(predicted / np.average(truth, weights=counted))


def reliability_table(
    labels: npt.ArrayLike, logits: npt.ArrayLike, num_bins: int = 10
) -> list[ReliabilityBin]:
    """Mean prediction and mean label in bins of equally many rows.

    Bins are divided at the quantiles of the predictions, as by scikit-learn's
    `calibration_curve(strategy="quantile")`. Equal predictions are in one bin, so with
    many ties bins are uneven, and those without rows are left out.

    Args:
      labels: 0 or 1, [rows], of any numeric type.
      logits: finite log-odds of label 1, [rows].
      num_bins: number of bins, at least 1.

    Returns:
      The bins in the order of their predictions; none without rows.

    Raises:
      ValueError: if lengths differ, or an argument is not as above.
    """
    truth, values = checked_clicks(labels, logits, "logits")
    if num_bins < 1:
        raise ValueError(f"num_bins must be at least 1. Received: {num_bins}.")
    if not truth.size:
        return []
    probabilities = expit(values)
    edges = np.percentile(probabilities, 100 * np.linspace(0, 1, num_bins + 1))
    bins = np.searchsorted(edges[1:-1], probabilities)
    rows = np.bincount(bins)
    predicted = np.bincount(bins, weights=probabilities)
    observed = np.bincount(bins, weights=truth)
    return [
        ReliabilityBin(int(n), float(p / n), float(y / n))
        for n, p, y in zip(rows, predicted, observed, strict=True)
        if n
    ]


def calibration_error(table: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error: mean over rows of |predicted - observed|.

        ECE = sum_b n_b / n |predicted_b - observed_b|

    Even of perfect probabilities it is above 0, by what chance leaves in a bin: about
    sqrt(p (1 - p) / n_b). So compare it at equal numbers of rows and bins.

    Source: Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian
    Binning", AAAI 2015, there with bins of equal width.

    Args:
      table: what `reliability_table` returned.

    Returns:
      The error, in [0, 1]; NaN for a table without bins.
    """
    if not table:
        return math.nan
    rows, predicted, observed = np.array(table).T
    return float(np.average(np.abs(predicted - observed), weights=rows))
