"""Values to integers, learned from the training part alone."""

import numpy as np
import numpy.typing as npt

from moc_tf.identifiers import IdentifierIndex, as_identifiers


class Vocabulary:
    """Integer ids of the distinct values of a column; 0 for a value never seen.

    Ids 1, 2, ... follow the sorted order of the values.

    Args:
      values: strings, [rows], of the training part; repeats are fine.
    """

    def __init__(self, values: npt.ArrayLike):
        distinct = np.unique(as_identifiers(values, "Vocabulary values"))
        self._index = IdentifierIndex(distinct, "Vocabulary values")
        self._values = distinct
        self._values.setflags(write=False)

    @property
    def values(self) -> np.ndarray:
        """The distinct values, strings [size - 1], sorted, read-only: ids 1, 2, ..."""
        return self._values

    @property
    def size(self) -> int:
        """Number of ids, with that of unseen values."""
        return len(self._index) + 1

    def ids(self, values: npt.ArrayLike) -> np.ndarray:
        """Id of each value, int32 in [0, size)."""
        return (self._index.rows(values) + 1).astype(np.int32)
