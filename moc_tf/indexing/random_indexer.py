"""`random`: codes drawn at random, the control for mere capacity."""

import dataclasses
import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from moc_tf.indexing.indexer import Indexer
from moc_tf.indexing.methods import register_indexer
from moc_tf.indexing.option_checks import require_integers
from moc_tf.indexing.vector_statistics import gather_statistics


@dataclasses.dataclass(frozen=True)
class RandomConfig:
    """Settings of `random`.

    Attributes:
      num_codebooks: N, codes of an item.
      codebook_size: K, different values of a code.
      seed: of the codes.
    """

    num_codebooks: int = 7
    codebook_size: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        require_integers(self, num_codebooks=1, codebook_size=2, seed=0)


@register_indexer("random")
class RandomIndexer(Indexer):
    """Draws N codes for each vector, uniformly and independently.

    A ranker that gains as much from these as from learned codes has gained from the
    parameters of its tables alone. The codes are a hash of the seed and the vector's
    values in float32, so equal vectors have equal codes, now and later, and nothing
    else about a vector shows in its codes.
    """

    config_class = RandomConfig
    config: RandomConfig
    decodes: ClassVar[bool] = False
    encodes_in_graph: ClassVar[bool] = False

    @property
    def codebooks(self) -> np.ndarray:
        """Raises ValueError: there are none."""
        raise ValueError(
            "The codes of method 'random' stand for no vectors, so there are no "
            "codebooks. Use a method that learns codes."
        )

    def fit(
        self,
        vectors: Any,
        verbose: int = 0,
        callbacks: Sequence[Any] = (),
        checkpoint: str | os.PathLike | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ) -> "RandomIndexer":
        """Checks `vectors` and takes over their width; there is nothing to learn.

        Args:
          vectors: float array [items, X], possibly memory-mapped, or a
            `tf.data.Dataset` of such batches; gone through once.
          verbose: not used, like all that follow.
          callbacks: not used.
          checkpoint: not used.
          strategy: not used.

        Returns:
          self.

        Raises:
          ValueError: if the vectors are not finite, not [items, X], or fewer than
            the codes of a codebook, as in methods that learn.
        """
        start = time.perf_counter()
        statistics = gather_statistics(
            vectors, sample_size=0, seed=0, at_least=self.codebook_size
        )
        self._set_arrays({}, statistics.width)
        self._fit_summary = {
            "items": statistics.rows,
            "seconds": round(time.perf_counter() - start, 3),
        }
        return self

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        # In one byte order, and without the sign of zero, which equals zero.
        rows = np.ascontiguousarray(vectors.astype("<f4") + np.float32(0), "<f4")
        seed = f"{self.config.seed} ".encode()
        # 64 bits a code: their remainder favours no code by more than K / 2^64.
        size = 8 * self.codes_per_item
        drawn = b"".join(
            hashlib.shake_128(seed + row.tobytes()).digest(size) for row in rows
        )
        numbers = np.frombuffer(drawn, "<u8").reshape(len(rows), self.codes_per_item)
        return (numbers % np.uint64(self.codebook_size)).astype(np.int32)

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        raise ValueError(
            "The codes of method 'random' stand for no vectors, so they cannot be "
            f"decoded. Received: {len(codes)} items. Use a method that learns codes."
        )

    def _arrays(self) -> Mapping[str, np.ndarray]:
        return {}

    def _set_arrays(self, arrays: Mapping[str, np.ndarray], input_dim: int) -> None:
        self.input_dim = input_dim
