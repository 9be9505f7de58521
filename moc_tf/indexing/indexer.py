"""The contract of stage 1: vectors in, codes out, and back."""

import abc
import dataclasses
import importlib.metadata
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from moc_tf import __version__
from moc_tf._artefact import write_artefact
from moc_tf.indexing.quality import CodeQuality, QualityAccumulator
from moc_tf.indexing.vector_batches import vector_batches

INDEXER_KIND = "indexer"  # of the folders that indexers are saved to


class NotFittedError(ValueError):
    """The indexer was asked for codes before it was fitted."""


class Indexer(abc.ABC):
    """Turns vectors into codes. Made by `make_indexer`, read by `load_indexer`.

    Attributes:
      method: name of the method.
      config: its settings, a frozen dataclass.
      input_dim: X, dimensions of a vector; None before `fit`.
      decodes: whether the method's codes can be decoded.
      encodes_in_graph: whether a TensorFlow graph can encode; see `GraphEncoder`.
    """

    config_class: ClassVar[type]
    decodes: ClassVar[bool] = True
    encodes_in_graph: ClassVar[bool] = True
    # A graph from CHUNK vectors to codes, of fitted indexers that encode in one.
    _encode_chunk: Any = None
    # Those whose release may change the codes.
    packages: ClassVar[tuple[str, ...]] = ("tensorflow", "faiss-cpu", "numpy")

    def __init__(self, method: str, **options: Any):
        known = {field.name for field in dataclasses.fields(self.config_class)}
        if unknown := sorted(options.keys() - known):
            raise ValueError(
                f"Method {method!r} has no option {', '.join(map(repr, unknown))}. "
                f"Its options: {sorted(known)}."
            )
        self.method = method
        self.config = self.config_class(**options)
        self.input_dim: int | None = None
        self._fit_summary: dict[str, Any] = {}

    def __repr__(self) -> str:
        state = "not fitted" if self.input_dim is None else f"X={self.input_dim}"
        return f"<{type(self).__name__} {self.method!r}, {state}, {self.config}>"

    @property
    def codes_per_item(self) -> int:
        """N, codes of an item."""
        return self.config.num_codebooks

    @property
    def codebook_size(self) -> int:
        """K, different values of a code."""
        return self.config.codebook_size

    @property
    def tables_per_code(self) -> int:
        """Embedding tables that the ranker gives each code: 1, but for "me"."""
        return 1

    @property
    @abc.abstractmethod
    def codebooks(self) -> np.ndarray:
        """The vectors that codes stand for: float32 [codes per item, K, D].

        They lie in the space that the method quantises, in its units. The slices of
        "pq" are equally wide here: shorter ones end in a column of zeros.

        Raises:
          NotFittedError: before `fit`.
          ValueError: if the method's codes stand for no vectors.
        """

    @abc.abstractmethod
    def fit(
        self,
        vectors: Any,
        verbose: int = 0,
        callbacks: Sequence[Any] = (),
        checkpoint: str | os.PathLike | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ) -> "Indexer":
        """Learns the codebooks from `vectors`; returns self.

        Args:
          vectors: float array [items, X], possibly memory-mapped, or a
            `tf.data.Dataset` of such batches.
          verbose: Keras' verbosity: 0 silent, 1 a progress bar, 2 a line an epoch.
          callbacks: Keras callbacks, of the methods that train in epochs.
          checkpoint: a folder in which these methods keep how far they are, after each
            epoch; a fit that finds an unfinished one of the same settings and vectors
            goes on there, and ends as an unbroken one would. A finished one is taken
            over, also where a callback ended it. One that is damaged, or of other
            settings or vectors, is replaced, with a warning. Vectors are known by their
            mean, scale and a sample, so a data set must give them in the same order in
            the first pass of each fit. Other methods start anew.
            Of several workers the first writes and all read, so the folder must be one
            that every worker sees, such as on a network file system: a worker that
            found nothing would start anew while the others go on.
          strategy: of `tf.distribute`, over whose replicas these methods split each
            batch; None for one device.

        Raises:
          ValueError: if the vectors are neither array nor data set, not finite, not
            two-dimensional, or fewer than the codes of a codebook.
        """

    @abc.abstractmethod
    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        """Codes, int32 [rows, N], of checked vectors [rows, X]."""

    @abc.abstractmethod
    def _decode(self, codes: np.ndarray) -> np.ndarray:
        """Vectors, float32 [rows, X], of checked codes [rows, N]."""

    @abc.abstractmethod
    def _arrays(self) -> Mapping[str, np.ndarray]:
        """The learned state by name."""

    @abc.abstractmethod
    def _set_arrays(self, arrays: Mapping[str, np.ndarray], input_dim: int) -> None:
        """Takes over a state that `_arrays` gave."""

    def encode(self, vectors: Any) -> np.ndarray:
        """Codes of `vectors`, also of items never seen in `fit`.

        A vector's codes do not depend on the vectors it is encoded with.

        Args:
          vectors: float array [items, X], or a `tf.data.Dataset` of such batches.

        Returns:
          int32 [items, N], in [0, K).

        Raises:
          NotFittedError: before `fit`.
          ValueError: if the vectors are not finite, have another width or never end.
        """
        # Codes wait in the smallest type, for a large catalogue's sake.
        kept = np.min_scalar_type(self.codebook_size - 1)
        parts = [codes.astype(kept) for codes in self.encode_batches(vectors)]
        if not parts:
            return np.zeros([0, self.codes_per_item], np.int32)
        return np.concatenate(parts, dtype=np.int32)

    def encode_batches(self, vectors: Any) -> Iterator[np.ndarray]:
        """The same codes batch by batch, int32 [rows, N], for what no memory holds."""
        width = self._require_fitted()
        for batch in vector_batches(vectors, width):
            yield self._encode(batch)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Vectors that `codes` stand for.

        Args:
          codes: integers [items, N], in [0, K).

        Returns:
          float32 [items, X], in the units of the fitted vectors.

        Raises:
          NotFittedError: before `fit`.
          ValueError: if the codes have another shape or lie outside [0, K).
        """
        self._require_fitted()
        codes = np.asarray(codes)
        if (
            codes.ndim != 2
            or codes.shape[1] != self.codes_per_item
            or codes.dtype.kind not in "iu"
        ):
            raise ValueError(
                f"Codes must be integers [items, {self.codes_per_item}]. "
                f"Received: {codes.dtype} {list(codes.shape)}."
            )
        if codes.size and not (codes.min() >= 0 and codes.max() < self.codebook_size):
            raise ValueError(
                f"Codes must lie in [0, {self.codebook_size}). "
                f"Received: values from {codes.min()} to {codes.max()}."
            )
        return self._decode(codes.astype(np.int32))

    def quality(self, vectors: Any) -> CodeQuality:
        """How well and how evenly the codes represent `vectors`.

        Memory holds the codes of all items, but vectors of a sample only.

        Args:
          vectors: float array [items, X], or a `tf.data.Dataset` of such batches.

        Raises:
          NotFittedError: before `fit`.
          ValueError: if there are no vectors, or they are not finite, have another
            width or never end.
        """
        return self._measure(vectors).result()

    def encode_and_measure(self, vectors: Any) -> tuple[np.ndarray, CodeQuality]:
        """What `encode` and `quality` return, in one pass over the vectors.

        Raises:
          NotFittedError: before `fit`.
          ValueError: as `quality`.
        """
        measured = self._measure(vectors)
        return measured.codes(), measured.result()

    def _measure(self, vectors: Any) -> QualityAccumulator:
        width = self._require_fitted()
        accumulated = QualityAccumulator(self.codebook_size)
        for batch in vector_batches(vectors, width):
            codes = self._encode(batch)
            accumulated.add(batch, codes, self._decode(codes) if self.decodes else None)
        return accumulated

    def describe(self) -> dict[str, Any]:
        """What made the codes, for manifests: method, settings, seed, versions."""
        return {
            "method": self.method,
            "configuration": dataclasses.asdict(self.config),
            "input_dim": self.input_dim,
            "codes_per_item": self.codes_per_item,
            "tables_per_code": self.tables_per_code,
            "codebook_size": self.codebook_size,
            "fit": self._fit_summary,
            "versions": {
                "moc_tf": __version__,
                **{name: importlib.metadata.version(name) for name in self.packages},
            },
        }

    def save(self, path: str | os.PathLike) -> None:
        """Writes the indexer to the folder `path`, replacing an indexer there.

        Raises:
          NotFittedError: before `fit`.
          ArtefactError: if `path` holds something else.
        """
        self._require_fitted()
        write_artefact(path, INDEXER_KIND, self._arrays(), self.describe())

    def _restore(
        self, arrays: Mapping[str, np.ndarray], manifest: dict[str, Any]
    ) -> None:
        self.input_dim = manifest["input_dim"]
        self._fit_summary = manifest["fit"]
        self._set_arrays(arrays, manifest["input_dim"])

    def _require_fitted(self) -> int:
        if self.input_dim is None:
            raise NotFittedError(
                f"This {self.method!r} indexer has no codebooks yet: call "
                "fit(vectors) first, or load_indexer(path) for a fitted one."
            )
        return self.input_dim
