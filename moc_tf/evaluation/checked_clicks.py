"""What every metric of predicted clicks checks first: labels, scores, weights."""

import numpy as np
import numpy.typing as npt


def checked_clicks(
    labels: npt.ArrayLike, scores: npt.ArrayLike, what: str
) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels as booleans and scores as float64, or raises ValueError.

    Args:
      labels: 0 or 1, [rows], of any numeric type.
      scores: finite numbers, [rows].
      what: the scores' name, for the error message.
    """
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
    values = checked_rows(scores, truth, what).astype(np.float64)
    infinite = ~np.isfinite(values)
    if infinite.any():
        raise ValueError(
            f"{what} must be finite. Received: {values[infinite][0]} at row "
            f"{infinite.argmax()}, and {infinite.sum() - 1} more that are not; has "
            "the training diverged?"
        )
    return positive, values


def weighted_clicks(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    what: str,
    weights: npt.ArrayLike | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """`checked_clicks` and their weights, without the rows of weight 0.

    Args:
      labels: 0 or 1, [rows], of any numeric type.
      scores: finite numbers, [rows].
      what: the scores' name, for the error message.
      weights: finite numbers of at least 0, [rows]; None counts every row alike.
    """
    truth, values = checked_clicks(labels, scores, what)
    if weights is None:
        return truth, values, None
    counted = checked_rows(weights, truth, "weights").astype(np.float64)
    wrong = ~(np.isfinite(counted) & (counted >= 0))
    if wrong.any():
        raise ValueError(
            "weights must be finite and at least 0. Received: "
            f"{counted[wrong][0]} at row {wrong.argmax()}."
        )
    kept = counted > 0
    return truth[kept], values[kept], counted[kept]


def checked_rows(values: npt.ArrayLike, labels: np.ndarray, what: str) -> np.ndarray:
    """Returns `values` as an array with one value a label, or raises ValueError."""
    array = np.asarray(values)
    if array.shape != labels.shape:
        raise ValueError(
            f"{what} must have one value a label, shape {labels.shape}. Received: "
            f"shape {array.shape}."
        )
    return array
