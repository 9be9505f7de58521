"""How well codes represent vectors, and how evenly they are used."""

import dataclasses
from typing import Any

import numpy as np

from moc_tf.code_statistics import CodeStatistics, measure_codes
from moc_tf.indexing.neighbour_recall import NeighbourSample


@dataclasses.dataclass(frozen=True)
class CodeQuality(CodeStatistics):
    """Figures of one code set, from its codes and the vectors they stand for.

    Attributes:
      relative_error: sum ||x - decode(encode(x))||² / sum ||x - mean(x)||²; 0 is
        perfect, 1 is no better than the mean vector. None where codes cannot be
        decoded.
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
        self._squares = 0.0
        self._sum: Any = 0.0

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
        vectors = vectors.astype(np.float64)
        self._squared_error += float(np.sum(np.square(vectors - decoded)))
        self._squares += float(np.sum(np.square(vectors)))
        self._sum = self._sum + vectors.sum(axis=0)

    def result(self) -> CodeQuality:
        """The figures of everything added.

        Raises:
          ValueError: if nothing was added, or codes were decoded and all vectors are
            equal, so that there is no mean vector to be better than.
        """
        if not self._codes:
            raise ValueError("Quality needs at least one vector. Received: none.")
        codes = np.concatenate(self._codes)
        error = self._relative_error(len(codes)) if self._decoded else None
        neighbours = self._neighbours.recall()
        return CodeQuality(
            **vars(measure_codes(codes, self._size)),
            relative_error=error,
            neighbour_recall=neighbours.recall,
            chance_recall=neighbours.chance,
            neighbour_items=neighbours.items,
        )

    def _relative_error(self, items: int) -> float:
        variance = self._squares - float(np.sum(self._sum**2)) / items
        # Equal vectors leave nothing here but rounding.
        if variance <= 1e-12 * self._squares:
            raise ValueError(
                "The relative error compares with the spread of the vectors, and "
                f"these are equal. Received: {items} of them."
            )
        return self._squared_error / variance
