"""What training must know of all vectors beforehand, gathered in one pass."""

import hashlib
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf.indexing.vector_batches import vector_batches


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

    def sha256(self) -> str:
        """Checksum of what was gathered: tells whether vectors are the same."""
        digest = hashlib.sha256(f"{self.rows} {self.width} {self.scale}".encode())
        digest.update(np.ascontiguousarray(self.mean).tobytes())
        digest.update(np.ascontiguousarray(self.sample).tobytes())
        return digest.hexdigest()


def gather_statistics(
    vectors: Any, sample_size: int, seed: int, at_least: int
) -> VectorStatistics:
    """Checks `vectors` and gathers what training must know, in one pass over them.

    Args:
      vectors: float array [items, X], possibly memory-mapped, or a `tf.data.Dataset`
        of such batches.
      sample_size: rows of the sample.
      seed: of the sample.
      at_least: codes in a codebook, which need as many items.

    Raises:
      ValueError: if the vectors are not finite, not [items, X], too few, or a data set
        that never ends.
    """
    if isinstance(vectors, tf.data.Dataset):
        if vectors.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise ValueError(
                "The data set of vectors must end, an epoch is one pass through "
                "it. Received: an infinite one. Leave out its repeat()."
            )
        vectors = vectors.as_numpy_iterator()
    statistics = VectorStatistics(sample_size, seed)
    for batch in vector_batches(vectors):
        statistics.add(batch)
    if statistics.rows < at_least:
        raise ValueError(
            f"There must be at least as many items as codes in a codebook, "
            f"{at_least}. Received: {statistics.rows} items. Lower "
            "codebook_size or fit on more items."
        )
    return statistics
