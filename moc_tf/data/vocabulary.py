"""Values to integers, learned from the training part alone."""

from collections.abc import Sequence

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

    def padded_ids(self, lists: Sequence[Sequence[str]]) -> np.ndarray:
        """Ids of lists of values, padded: what a `MultiValuedFeature` reads.

        Example:
          >>> Vocabulary(["a", "b"]).padded_ids([["b", "new"], [], ["a"]]).tolist()
          [[2, 0], [-1, -1], [1, -1]]

        Args:
          lists: of any number of values each, [rows].

        Returns:
          int32 [rows, length of the longest], in [0, size), or -1 behind a list's end.

        Raises:
          ValueError: if a row is a string instead of a list of them.
        """
        for row, values in enumerate(lists):
            if isinstance(values, str | bytes):
                raise ValueError(
                    "Each row must be a list of values. Received: the string "
                    f"{values!r} in row {row}."
                )
        lengths = np.array([len(values) for values in lists], np.int64)
        padded = np.full((len(lists), lengths.max(initial=0)), -1, np.int32)
        there = np.arange(padded.shape[1]) < lengths[:, np.newaxis]
        padded[there] = self.ids([value for values in lists for value in values])
        return padded
