"""Whether two rankers differ on users other than those that happened to be tested."""

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap

from moc_tf.evaluation.checked_clicks import checked_clicks, checked_rows
from moc_tf.evaluation.metrics import auc

_SAMPLES_AT_ONCE = 16  # of all users' numbers, which bounds the memory


@dataclasses.dataclass(frozen=True)
class BootstrapDifference:
    """A difference and its interval over users.

    Attributes:
      difference: of the rows that are there.
      low: lower end of the interval.
      high: upper end of the interval.
      num_users: of which samples were drawn.
    """

    difference: float
    low: float
    high: float
    num_users: int


def bootstrap_auc_difference(
    labels: npt.ArrayLike,
    one: npt.ArrayLike,
    other: npt.ArrayLike,
    users: npt.ArrayLike,
    num_samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> BootstrapDifference:
    """The difference of two rankers' AUC, with its percentile interval over users.

    A sample has as many users as there are, drawn with replacement, each with all rows
    that it has: the rows of a user are no independent draws. Both rankers are measured
    on the same samples. The interval is of these two trained models; that of training
    again is over seeds, `paired_difference`. Where two models differ by nothing else
    than chance in training, this one does not tell.

    Args:
      labels: 0 or 1, [rows], of any numeric type.
      one: finite scores, [rows].
      other: finite scores of the same rows, [rows].
      users: the user of each row, integers or strings, [rows].
      num_samples: drawn.
      confidence: of the interval, in (0, 1).
      seed: of the samples.

    Returns:
      The AUC of `one` less that of `other`.

    Raises:
      ValueError: if lengths differ, an argument is not as above, there are fewer than
        two users, or so few that a sample lacks one of the labels.
    """
    truth, of_one = checked_clicks(labels, one, "one")
    _, of_other = checked_clicks(labels, other, "other")
    names, user = np.unique(checked_rows(users, truth, "users"), return_inverse=True)
    if len(names) < 2 or num_samples < 1 or not 0 < confidence < 1:
        raise ValueError(
            "It takes at least two users, one sample and a confidence in (0, 1). "
            f"Received: {len(names)} users, num_samples={num_samples}, "
            f"confidence={confidence}."
        )

    def difference(drawn: np.ndarray) -> float:
        weights = np.bincount(drawn, minlength=len(names))[user]
        found = auc(truth, of_one, weights) - auc(truth, of_other, weights)
        if math.isnan(found):
            raise ValueError(
                "Each sample of users must have rows of both labels. Received: one "
                f"without, of {len(names)} users with {truth.sum()} clicks in "
                f"{len(truth)} rows. Compare on more users."
            )
        return found

    every = np.arange(len(names))
    found: Any = bootstrap(
        (every,),
        difference,
        n_resamples=num_samples,
        batch=_SAMPLES_AT_ONCE,
        vectorized=False,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    low, high = found.confidence_interval
    return BootstrapDifference(difference(every), float(low), float(high), len(names))
