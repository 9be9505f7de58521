"""The split by global time: the past trains, the future tests."""

import dataclasses

import numpy as np

from moc_tf.data.interactions import Interactions

_SHARES = (0.8, 0.1)  # of training and validation; the rest is the test part


@dataclasses.dataclass(frozen=True)
class TimeSplit:
    """Rows of an interaction log by part, each in order of time.

    Attributes:
      train: int64, the first 80 % of the rows.
      validation: int64, the next 10 %.
      test: int64, the last 10 %.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split_by_time(interactions: Interactions) -> TimeSplit:
    """Splits 80/10/10 at two points of time common to all users.

    Rows of equal time are ordered by user id, then by item id, then by rating, then by
    click, so that the split does not depend on the order of the log.

    Raises:
      ValueError: if there are fewer than 10 interactions.
    """
    rows = len(interactions)
    if rows < 10:
        raise ValueError(
            f"A split by time needs at least 10 interactions. Received: {rows}."
        )
    keys = [interactions.item_ids, interactions.user_ids, interactions.timestamps]
    for values in (interactions.ratings, interactions.clicks):
        if values is not None:
            keys.insert(0, values)
    order = np.lexsort(keys)  # by the last key first
    first = int(rows * _SHARES[0])
    second = int(rows * (_SHARES[0] + _SHARES[1]))
    return TimeSplit(*np.split(order.astype(np.int64), [first, second]))
