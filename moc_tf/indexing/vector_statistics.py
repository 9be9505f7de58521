"""What training must know of all vectors beforehand, gathered in one pass."""

import hashlib
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf.indexing.uniform_sample import UniformSample
from moc_tf.indexing.vector_batches import is_array, vector_batches
from moc_tf.indexing.vector_moments import VectorMoments


class VectorStatistics:
    """Mean, scale and a uniform sample of vectors; how they are batched is no matter.

    Args:
      sample_size: rows of the sample, or all where there are fewer.
      seed: of the sample.

    Attributes:
      batches: batches so far.
      width: X.
    """

    def __init__(self, sample_size: int, seed: int):
        self._sample = UniformSample(sample_size, seed)
        self._moments = VectorMoments()
        self.batches = 0
        self.width = 0

    def add(self, batch: np.ndarray) -> None:
        """Takes in a batch [rows, X]."""
        batch = batch.astype(np.float32)
        self.width = batch.shape[1]
        self.batches += 1
        self._moments.add(batch)
        self._sample.add(batch)

    @property
    def rows(self) -> int:
        """Vectors so far."""
        return self._moments.rows

    @property
    def sample(self) -> np.ndarray:
        """float32 [min(rows, sample_size), X], in the order of the vectors.

        It is no copy: a further batch changes it.
        """
        (vectors,) = self._sample.by_row()
        return vectors

    @property
    def mean(self) -> np.ndarray:
        """Mean vector, float32 [X]."""
        return self._moments.mean.astype(np.float32)

    @property
    def scale(self) -> float:
        """Root mean square of the centred vectors; 1 where all are equal."""
        root = float(np.sqrt(self._moments.squares / (self.rows * self.width)))
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
      ValueError: if the vectors are neither array nor data set, not finite, not
        [items, X], too few, or a data set that never ends.
    """
    # Of an iterator nothing would be left for the training.
    if not (is_array(vectors) or isinstance(vectors, tf.data.Dataset)):
        raise ValueError(
            "The vectors to fit on must be an array [items, X] or a tf.data.Dataset "
            f"of such batches. Received: {type(vectors).__name__}. Concatenate its "
            "batches to an array, or wrap it by tf.data.Dataset.from_generator."
        )
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
