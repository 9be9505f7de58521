"""What training must know of all vectors beforehand, gathered in one pass."""

from typing import Any

import numpy as np


class VectorStatistics:
    """Mean, scale and a uniform sample of vectors; how they are batched is no matter.

    Args:
      sample_size: rows of the sample, or all where there are fewer.
      seed: of the sample.

    Attributes:
      rows: vectors so far.
      width: X.
      sample: float32 [min(rows, sample_size), X], in the order of the vectors.
    """

    def __init__(self, sample_size: int, seed: int):
        self._size = sample_size
        self._random = np.random.default_rng(seed)
        self._keys = np.zeros(0)
        self._mean: Any = 0.0
        self._squares = 0.0  # of the distances to the mean
        self.rows = 0
        self.width = 0
        self.sample = np.zeros((0, 0), np.float32)

    def add(self, batch: np.ndarray) -> None:
        """Takes in a batch [rows, X]."""
        if not self.rows:
            self.width = batch.shape[1]
            self.sample = np.zeros((0, self.width), np.float32)
        batch = batch.astype(np.float32)
        mean = batch.mean(axis=0, dtype=np.float64)
        shift = mean - self._mean
        share = len(batch) / (self.rows + len(batch))
        self._squares += float(np.sum(np.square(batch - mean)))
        self._squares += float(np.sum(np.square(shift))) * self.rows * share
        self._mean = self._mean + share * shift
        self.rows += len(batch)
        # The rows with the smallest random keys are a uniform sample of all so far.
        keys = np.concatenate([self._keys, self._random.random(len(batch))])
        kept = np.sort(np.argsort(keys, kind="stable")[: self._size])
        self._keys = keys[kept]
        self.sample = np.concatenate([self.sample, batch])[kept]

    @property
    def mean(self) -> np.ndarray:
        """Mean vector, float32 [X]."""
        return self._mean.astype(np.float32)

    @property
    def scale(self) -> float:
        """Root mean square of the centred vectors; 1 where all are equal."""
        root = float(np.sqrt(self._squares / (self.rows * self.width)))
        return root if root > 1e-12 else 1.0
