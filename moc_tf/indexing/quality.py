"""How well codes represent vectors, and how evenly they are used."""

import dataclasses
from typing import Any

import numpy as np

from moc_tf.code_statistics import CodeStatistics, measure_codes
from moc_tf.indexing.neighbour_recall import NeighbourSample
from moc_tf.indexing.vector_moments import VectorMoments


@dataclasses.dataclass(frozen=True)
class CodeQuality(CodeStatistics):
    """Figures of one code set, from its codes and the vectors they stand for.

    Attributes:
      relative_error: sum ||x - decode(encode(x))||² / sum ||x - mean(x)||²; 0 is
        perfect, 1 is no better than the mean vector. None where codes cannot be
        decoded, and where all vectors are equal in float32, as a single one is.
      neighbour_recall: share of an item's 10 nearest neighbours in vector space that
        are among the 10 items which share most codes with it, on a sample; see
        `neighbour_recall.neighbour_recall`. None for a single item.
      chance_recall: what random codes have, 10 / (neighbour_items - 1).
      neighbour_items: items that neighbours were searched among. Compare recall at
        equal numbers of them alone: more items make it harder.
    """

    relative_error: float | None
    neighbour_recall: float | None
    chance_recall: float | None
    neighbour_items: int

    def to_json(self) -> dict[str, Any]:
        """As JSON-serialisable values, none of them NaN."""
        return dataclasses.asdict(self)

    def row(self) -> dict[str, Any]:
        """The figures that a table compares code sets by, one value each."""
        return {
            "min_usage": min(self.usage),
            "mean_nmi": self.mean_nmi,
            "relative_error": self.relative_error,
            "unique_codes": self.unique_codes,
            "neighbour_recall": self.neighbour_recall,
            "items": self.items,
        }


class QualityAccumulator:
    """Gathers the figures batch by batch.

    Of all items it keeps the codes, in the smallest type that holds them, and of
    vectors no more than a sample.

    Args:
      codebook_size: K.
    """

    def __init__(self, codebook_size: int):
        self._size = codebook_size
        self._dtype = np.min_scalar_type(codebook_size - 1)
        self._codes: list[np.ndarray] = []
        self._neighbours = NeighbourSample()
        self._decoded = True
        self._squared_error = 0.0
        self._moments = VectorMoments()

    def add(
        self, vectors: np.ndarray, codes: np.ndarray, decoded: np.ndarray | None
    ) -> None:
        """Takes in a batch.

        Args:
          vectors: floats [rows, X], of at least one row.
          codes: theirs, integers in [0, K), [rows, N].
          decoded: what these decode to, [rows, X]; None in any batch leaves the
            relative error out.
        """
        codes = codes.astype(self._dtype)
        self._codes.append(codes)
        self._neighbours.add(vectors, codes)
        if decoded is None:
            self._decoded = False
            return
        errors = vectors.astype(np.float64) - decoded
        self._squared_error += float(np.sum(np.square(errors)))
        self._moments.add(vectors.astype(np.float32))

    def codes(self) -> np.ndarray:
        """All codes that were added, int32 [items, N].

        Raises:
          ValueError: if nothing was added.
        """
        return np.concatenate(self._checked(), dtype=np.int32)

    def result(self) -> CodeQuality:
        """The figures of everything added.

        Raises:
          ValueError: if nothing was added.
        """
        codes = np.concatenate(self._checked())
        neighbours = self._neighbours.recall()
        return CodeQuality(
            **vars(measure_codes(codes, self._size)),
            relative_error=self._relative_error(),
            neighbour_recall=neighbours.recall,
            chance_recall=neighbours.chance,
            neighbour_items=neighbours.items,
        )

    def _checked(self) -> list[np.ndarray]:
        if not self._codes:
            raise ValueError("Quality needs at least one vector. Received: none.")
        return self._codes

    def _relative_error(self) -> float | None:
        if not self._decoded or not self._moments.squares:
            return None
        return self._squared_error / self._moments.squares
