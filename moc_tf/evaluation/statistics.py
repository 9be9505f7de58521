"""What a few seeds allow to say: intervals of means and paired differences."""

import dataclasses
import math

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean and its confidence interval.

    Attributes:
      mean: mean of the values.
      low: lower end of the interval; NaN where n is 1.
      high: upper end of the interval; NaN where n is 1.
      n: number of values.
    """

    mean: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        """Distance of either end from the mean; NaN where n is 1."""
        return (self.high - self.low) / 2


@dataclasses.dataclass(frozen=True)
class PairedDifference(Interval):
    """A mean difference, its 95 % interval and the paired t test of it.

    Attributes:
      p_value: two-sided, of no difference; NaN where n is 1.
    """

    p_value: float

    @property
    def verdict(self) -> str:
        """What the interval says of the difference.

        "higher" or "lower" where it excludes 0, "n.s." where it includes 0, and
        "untested" where there is but one pair.
        """
        if self.n == 1:
            return "untested"
        if self.low <= 0 <= self.high:
            return "n.s."
        return "higher" if self.mean > 0 else "lower"


def mean_interval(values: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Mean of independent values and its interval by Student's t.

    Args:
      values: finite numbers, [n], such as one AUC a seed. One value alone has no
        interval: its ends are NaN.
      confidence: probability that such an interval covers the true mean, in (0, 1).

    Raises:
      ValueError: if there are no values, or an argument is not as above.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1). Received: {confidence}.")
    array = _checked(values, "values")
    mean, error = _mean_and_error(array)
    half_width = float(stdtrit(array.size - 1, (1 + confidence) / 2)) * error
    return Interval(mean, mean - half_width, mean + half_width, array.size)


def paired_difference(a: npt.ArrayLike, b: npt.ArrayLike) -> PairedDifference:
    """The mean of a - b, with the 95 % interval and the test by Student's t.

    Pairing by seed removes what both have in common, such as the split and the
    order of the data, and so finds smaller differences than two intervals would.

    Args:
      a: finite numbers, [n].
      b: finite numbers, [n], each the partner of the one in `a`. One pair alone
        has neither interval nor p-value: they are NaN.

    Returns:
      The difference. Where all pairs differ by exactly the same, its interval is a
      point, and p is 1 if that is 0 and 0 otherwise.

    Raises:
      ValueError: if there are no pairs, lengths differ or a value is not finite.
    """
    left, right = _checked(a, "a"), _checked(b, "b")
    if left.size != right.size:
        raise ValueError(
            f"a and b must pair off. Received: {left.size} and {right.size} values."
        )
    differences = left - right
    interval = mean_interval(differences)
    mean, error = _mean_and_error(differences)
    if error == 0:
        p_value = 1.0 if mean == 0 else 0.0
    else:
        p_value = 2 * float(stdtr(differences.size - 1, -abs(mean / error)))
    return PairedDifference(**dataclasses.asdict(interval), p_value=p_value)


def _mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """The mean and its standard error, NaN for one value."""
    if values.size == 1:
        return float(values[0]), math.nan
    if (values == values[0]).all():  # of whose rounded mean they would differ
        return float(values[0]), 0.0
    mean = float(values.mean())
    return mean, float(values.std(ddof=1)) / math.sqrt(values.size)


def _checked(values: npt.ArrayLike, what: str) -> np.ndarray:
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"{what} must be one-dimensional, with at least one value. Received: "
            f"shape {array.shape}."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{what} must be finite. Received: {array.tolist()}.")
    return array
