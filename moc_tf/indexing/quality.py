"""How well codes represent vectors, and how evenly they are used."""

import dataclasses
from typing import Any

import numpy as np


def perplexity(counts: np.ndarray) -> np.ndarray:
    """exp(entropy) of code usage: K when all codes are used alike, 1 for a single one.

    Args:
      counts: uses of each code, [N, K].

    Returns:
      float64 [N]; NaN for a codebook without any use.
    """
    with np.errstate(invalid="ignore"):
        share = counts / counts.sum(axis=-1, keepdims=True)
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    return np.exp(-np.sum(share * logs, axis=-1))


@dataclasses.dataclass(frozen=True)
class CodeQuality:
    """Figures of one code set.

    Attributes:
      items: rows that were measured.
      relative_error: sum ||x - decode(encode(x))||² / sum ||x - mean(x)||²; 0 is
        perfect, 1 is no better than the mean vector.
      usage: share of each codebook's codes that are used, N values in (0, 1].
      perplexity: of each codebook's usage, N values in [1, K].
      unique_codes: share of items whose N codes together no other item has.
    """

    items: int
    relative_error: float
    usage: tuple[float, ...]
    perplexity: tuple[float, ...]
    unique_codes: float

    def to_json(self) -> dict[str, Any]:
        """As JSON-serialisable values."""
        return dataclasses.asdict(self)


class QualityAccumulator:
    """Gathers the figures batch by batch.

    Args:
      codebook_size: K.
    """

    def __init__(self, codebook_size: int):
        self._size = codebook_size
        self._codes: list[np.ndarray] = []
        self._squared_error = 0.0
        self._squares = 0.0
        self._sum: Any = 0.0

    def add(self, vectors: np.ndarray, codes: np.ndarray, decoded: np.ndarray) -> None:
        """Adds vectors [rows, X], their codes [rows, N] and what these decode to."""
        vectors = vectors.astype(np.float64)
        self._codes.append(codes)
        self._squared_error += float(np.sum(np.square(vectors - decoded)))
        self._squares += float(np.sum(np.square(vectors)))
        self._sum = self._sum + vectors.sum(axis=0)

    def result(self) -> CodeQuality:
        """The figures of everything added.

        Raises:
          ValueError: if nothing was added, or all vectors are equal, so that there
            is no mean vector to be better than.
        """
        if not self._codes:
            raise ValueError("Quality needs at least one vector. Received: none.")
        codes = np.concatenate(self._codes)
        variance = self._squares - float(np.sum(self._sum**2)) / len(codes)
        # Equal vectors leave nothing here but rounding.
        if variance <= 1e-12 * self._squares:
            raise ValueError(
                "The relative error compares with the spread of the vectors, and "
                f"these are equal. Received: {len(codes)} of them."
            )
        counts = np.stack([np.bincount(c, minlength=self._size) for c in codes.T])
        _, repeats = np.unique(codes, axis=0, return_counts=True)
        return CodeQuality(
            items=len(codes),
            relative_error=self._squared_error / variance,
            usage=tuple(np.mean(counts > 0, axis=1).tolist()),
            perplexity=tuple(perplexity(counts).tolist()),
            unique_codes=float(np.sum(repeats == 1) / len(codes)),
        )
