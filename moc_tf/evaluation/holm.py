"""Holm's correction: what p-values are worth when many hypotheses are tested."""

import numpy as np
import numpy.typing as npt


def holm_adjusted(p_values: npt.ArrayLike) -> np.ndarray:
    """The p-values of a family of tests, adjusted by Holm's step-down method.

    Rejecting where the adjusted value is at most alpha makes one false rejection or
    more in the whole family with a probability of at most alpha, however the tests
    depend on one another. Of m p-values, the i-th smallest becomes

        max over j <= i of min(1, (m - j + 1) p_j)

    Source: S. Holm, "A simple sequentially rejective multiple test procedure",
    Scandinavian Journal of Statistics 6 (1979).

    Args:
      p_values: in [0, 1], [tests]. NaN stands for what was not tested: it stays NaN
        and is not counted.

    Returns:
      float64 [tests].

    Raises:
      ValueError: if `p_values` is not one-dimensional, or a value not in [0, 1].
    """
    values = np.asarray(p_values, np.float64)
    if values.ndim != 1:
        raise ValueError(
            f"p_values must be one-dimensional. Received: shape {values.shape}."
        )
    tested = np.flatnonzero(~np.isnan(values))
    found = values[tested]
    if ((found < 0) | (found > 1)).any():
        raise ValueError(f"p_values must be in [0, 1]. Received: {values.tolist()}.")
    order = np.argsort(found, kind="stable")
    factors = np.arange(found.size, 0, -1)
    steps = np.maximum.accumulate(np.minimum(1.0, factors * found[order]))
    adjusted = np.full(values.shape, np.nan)
    adjusted[tested[order]] = steps
    return adjusted
