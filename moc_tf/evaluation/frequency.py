"""Items and users by how often the training part has them.

Groups are divided so that each but the first holds an equal share of the training
rows, not of the items: else the rows of the rare ones were too few to tell methods
apart. Which group a row belongs to depends on its count alone.
"""

import numpy as np
import numpy.typing as npt

ITEM_GROUPS = ("new", "tail", "middle", "head")
USER_GROUPS = ("new", "light", "heavy")


def item_groups(counts: npt.ArrayLike, training_counts: npt.ArrayLike) -> np.ndarray:
    """The group of each row's item: 0 new, 1 tail, 2 middle, 3 head.

    New items have no row of training. Those of the tail are the rarest with a third
    of the training rows, those of the head the most frequent with a third.

    Args:
      counts: training rows of each row's item, integers of at least 0, [rows].
      training_counts: the same of each training row, at least 1, [training rows].

    Returns:
      int8 [rows], indices into `ITEM_GROUPS`.

    Raises:
      ValueError: if counts are not as above.
    """
    return _groups(counts, training_counts, len(ITEM_GROUPS) - 1)


def user_groups(counts: npt.ArrayLike, training_counts: npt.ArrayLike) -> np.ndarray:
    """The group of each row's user: 0 new, 1 light, 2 heavy.

    New users have no row of training. Light ones are the rarest with half of the
    training rows, heavy ones the others.

    Args:
      counts: training rows of each row's user, integers of at least 0, [rows].
      training_counts: the same of each training row, at least 1, [training rows].

    Returns:
      int8 [rows], indices into `USER_GROUPS`.

    Raises:
      ValueError: if counts are not as above.
    """
    return _groups(counts, training_counts, len(USER_GROUPS) - 1)


def frequency_thresholds(
    training_counts: npt.ArrayLike, num_groups: int
) -> tuple[int, ...]:
    """Largest count of each group but the last, by equal shares of training rows.

    The first g groups hold at least g / num_groups of the training rows: equal counts
    are in one group, so that ties make the lower groups larger, and higher ones
    possibly empty.

    Args:
      training_counts: for each training row, the number of training rows of its item
        or user; integers of at least 1, [training rows].
      num_groups: number of groups, at least 1.

    Returns:
      num_groups - 1 counts, not falling.

    Raises:
      ValueError: if there are no rows, or an argument is not as above.
    """
    if num_groups < 1:
        raise ValueError(f"num_groups must be at least 1. Received: {num_groups}.")
    ordered = np.sort(_checked_counts(training_counts, "training_counts", 1))
    if not ordered.size:
        raise ValueError("training_counts must hold at least one row. Received: none.")
    rows = len(ordered)
    return tuple(
        int(ordered[-(-rows * group // num_groups) - 1])
        for group in range(1, num_groups)
    )


def _groups(
    counts: npt.ArrayLike, training_counts: npt.ArrayLike, num_groups: int
) -> np.ndarray:
    checked = _checked_counts(counts, "counts", 0)
    thresholds = frequency_thresholds(training_counts, num_groups)
    seen = 1 + np.searchsorted(thresholds, checked)
    return np.where(checked == 0, 0, seen).astype(np.int8)


def _checked_counts(counts: npt.ArrayLike, what: str, least: int) -> np.ndarray:
    array = np.asarray(counts)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(
            f"{what} must be integers [rows]. Received: {array.dtype} of shape "
            f"{array.shape}."
        )
    if array.size and array.min() < least:
        raise ValueError(
            f"{what} must be at least {least}. Received: {array.min()} at row "
            f"{array.argmin()}."
        )
    return array
