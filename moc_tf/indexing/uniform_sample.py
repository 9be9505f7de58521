"""A uniform sample of rows that come in batches."""

import numpy as np


class UniformSample:
    """The rows with the smallest random keys; of equal keys, the earlier row's.

    These are a uniform sample of all rows so far, and how they are batched is no
    matter. A row that joins takes the place of one that leaves.

    Args:
      size: rows of the sample, or all where there are fewer.
      seed: of the keys.

    Attributes:
      rows: rows so far.
    """

    def __init__(self, size: int, seed: int):
        self._size = size
        self._random = np.random.default_rng(seed)
        self.rows = 0
        # What is in each place: a key, the number of its row, and the row.
        self._keys = np.zeros(0)
        self._numbers = np.zeros(0, np.int64)
        self._columns: list[np.ndarray] = []

    def add(self, *columns: np.ndarray) -> None:
        """Takes in a batch: arrays [rows, ...] of the shapes and types of the first."""
        if not self.rows:
            self._columns = [column[:0].copy() for column in columns]
        before, new = self._taken(), len(columns[0])
        keys = np.concatenate([self._keys[:before], self._random.random(new)])
        numbers = np.concatenate(
            [self._numbers[:before], np.arange(self.rows, self.rows + new)]
        )
        kept = self._smallest(keys, numbers)
        self.rows += new
        self._reserve(self._taken())
        left = np.flatnonzero(~kept[:before])
        places = np.concatenate([left, np.arange(before, self._taken())])
        joining = np.flatnonzero(kept[before:])
        self._keys[places] = keys[before + joining]
        self._numbers[places] = numbers[before + joining]
        for column, values in zip(self._columns, columns, strict=True):
            column[places] = values[joining]

    def by_row(self) -> list[np.ndarray]:
        """The columns of the sample, in the order of the rows, until the next `add`."""
        return self._sorted(self._numbers)

    def by_key(self) -> list[np.ndarray]:
        """The same in a random order: any first rows are a uniform sample again."""
        return self._sorted(self._keys)

    def _taken(self) -> int:
        return min(self.rows, self._size)

    def _smallest(self, keys: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Which of the `keys` stay, bool."""
        if len(keys) <= self._size:
            return np.ones(len(keys), bool)
        bound = np.partition(keys, self._size)[self._size]
        kept = keys < bound
        tied = np.flatnonzero(keys == bound)
        earliest = tied[np.argsort(numbers[tied])]
        kept[earliest[: self._size - kept.sum()]] = True
        return kept

    def _reserve(self, places: int) -> None:
        """Makes room for `places`, and not at once for `size`, which may be huge."""
        if places <= len(self._keys):
            return
        places = min(self._size, max(places, 2 * len(self._keys)))
        self._keys = _extended(self._keys, places)
        self._numbers = _extended(self._numbers, places)
        self._columns = [_extended(column, places) for column in self._columns]

    def _sorted(self, by: np.ndarray) -> list[np.ndarray]:
        order = np.argsort(by[: self._taken()], kind="stable")
        if (order[1:] < order[:-1]).any():
            self._keys, self._numbers = self._keys[order], self._numbers[order]
            self._columns = [column[order] for column in self._columns]
        return [column[: len(order)] for column in self._columns]


def _extended(array: np.ndarray, length: int) -> np.ndarray:
    # Memory that no row reaches is never touched.
    extended = np.empty([length, *array.shape[1:]], array.dtype)
    extended[: len(array)] = array
    return extended
