"""Methods that learn in one piece, from a sample of the vectors."""

import abc
import dataclasses
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf.indexing.fixed_chunks import CHUNK, in_chunks
from moc_tf.indexing.indexer import Indexer
from moc_tf.indexing.option_checks import is_integer, require, require_integers
from moc_tf.indexing.vector_statistics import gather_statistics


@dataclasses.dataclass(frozen=True)
class SampledConfig:
    """Settings that these methods share.

    Attributes:
      num_codebooks: N, codes of an item.
      codebook_size: K, codes in a codebook; fit on at least so many items.
      training_items: at most so many items, drawn at random, are learned from; None
        for 256 K, as many as faiss' k-means takes.
      seed: of this sample and of k-means.
    """

    num_codebooks: int = 7
    codebook_size: int = 256
    training_items: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        require_integers(self, num_codebooks=1, codebook_size=2, seed=0)
        require(
            self,
            "training_items",
            self.training_items is None
            or is_integer(self.training_items, self.codebook_size),
            f"None or an integer of at least codebook_size, {self.codebook_size}",
        )

    @property
    def sample_size(self) -> int:
        """Items that are learned from at most."""
        return self.training_items or 256 * self.codebook_size


class SampledIndexer(Indexer):
    """The frame of such a method, which sees vectors in units of its own.

    These are centred and have a mean square of one, so that neither a part that all
    vectors share nor a tiny or huge scale costs float32's precision.
    """

    config: SampledConfig
    _code_vectors = "codebooks"  # their name among the learned arrays

    def __init__(self, method: str, **options: Any):
        super().__init__(method, **options)
        self._state: dict[str, tf.Variable] = {}

    @property
    def codebooks(self) -> np.ndarray:
        """The code vectors, float32 [codes per item, K, D], in own units."""
        self._require_fitted()
        return self._state[self._code_vectors].numpy()

    @abc.abstractmethod
    def _learn(self, sample: np.ndarray, verbose: int) -> dict[str, np.ndarray]:
        """The learned arrays, float32, from float32 vectors [rows, X] in own units."""

    @abc.abstractmethod
    def _shapes(self, input_dim: int) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the learned arrays."""

    @abc.abstractmethod
    def _choose(self, vectors: tf.Tensor) -> tf.Tensor:
        """Codes, int32 [rows, N], of vectors [rows, X] in own units."""

    @abc.abstractmethod
    def _look_up(self, codes: tf.Tensor) -> tf.Tensor:
        """Vectors [rows, X] in own units that codes [rows, N] stand for."""

    def fit(
        self,
        vectors: Any,
        verbose: int = 0,
        callbacks: Sequence[Any] = (),
        checkpoint: str | os.PathLike | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ) -> "SampledIndexer":
        """Learns from a sample of `vectors`, in one piece.

        Args:
          vectors: float array [items, X], possibly memory-mapped, or a
            `tf.data.Dataset` of such batches; gone through once.
          verbose: whether to print how far it is; 0 is silent.
          callbacks: not used, since there are no epochs.
          checkpoint: not used: a fit that was broken off starts anew.
          strategy: not used: one device learns.

        Returns:
          self.

        Raises:
          ValueError: if the vectors are not finite, not [items, X], or fewer than
            the codes of a codebook.
        """
        config, start = self.config, time.perf_counter()
        statistics = gather_statistics(
            vectors,
            sample_size=config.sample_size,
            seed=config.seed,
            at_least=config.codebook_size,
        )
        mean, scale = statistics.mean, np.float32(statistics.scale)
        sample = statistics.sample  # large, and of no other use
        sample -= mean
        sample /= scale
        learned = self._learn(sample, verbose)
        self._set_arrays(
            {"mean": mean, "scale": np.array(scale), **learned}, statistics.width
        )
        self._fit_summary = {
            "items": statistics.rows,
            "training_items": len(sample),
            "seconds": round(time.perf_counter() - start, 3),
        }
        return self

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        return in_chunks(self._encode_chunk, vectors.astype(np.float32))

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        return in_chunks(self._decode_chunk, codes)

    def _arrays(self) -> Mapping[str, np.ndarray]:
        return {name: variable.numpy() for name, variable in self._state.items()}

    def _set_arrays(self, arrays: Mapping[str, np.ndarray], input_dim: int) -> None:
        wanted = {"mean": (input_dim,), "scale": (), **self._shapes(input_dim)}
        received = {name: array.shape for name, array in arrays.items()}
        if received != wanted:
            raise ValueError(
                f"The arrays of this {self.method!r} indexer must have the shapes "
                f"{wanted}. Received: {received}."
            )
        # Not constants, of which the graph would hold a copy.
        self._state = {
            name: tf.Variable(array, trainable=False, dtype=tf.float32)
            for name, array in arrays.items()
        }
        mean, scale = self._state["mean"], self._state["scale"]

        def encode(vectors: tf.Tensor) -> tf.Tensor:
            return self._choose((vectors - mean) / scale)

        def decode(codes: tf.Tensor) -> tf.Tensor:
            return self._look_up(codes) * scale + mean

        self.input_dim = input_dim
        self._encode_chunk = tf.function(encode).get_concrete_function(
            tf.TensorSpec([CHUNK, input_dim], tf.float32)
        )
        self._decode_chunk = tf.function(decode).get_concrete_function(
            tf.TensorSpec([CHUNK, self.codes_per_item], tf.int32)
        )
