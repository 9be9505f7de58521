"""Mean and spread of vectors that come in batches."""

from typing import Any

import numpy as np


class VectorMoments:
    """Mean of vectors and their squared distances to it, summed.

    Each batch is compared with its own mean, so that no part that all vectors share
    costs digits: of equal float32 vectors the sum is exactly 0.

    Attributes:
      rows: vectors so far.
      mean: float64 [X].
      squares: sum ||x - mean||².
    """

    def __init__(self) -> None:
        self.rows = 0
        self.mean: Any = 0.0
        self.squares = 0.0

    def add(self, batch: np.ndarray) -> None:
        """Takes in a batch, float32 [rows, X]."""
        mean = batch.mean(axis=0, dtype=np.float64)
        shift = mean - self.mean
        share = len(batch) / (self.rows + len(batch))
        self.squares += float(np.sum(np.square(batch - mean)))
        self.squares += float(np.sum(np.square(shift))) * self.rows * share
        self.mean = self.mean + share * shift
        self.rows += len(batch)
