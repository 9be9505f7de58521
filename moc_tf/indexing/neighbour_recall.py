"""Do items that are near in vector space share codes? Measured on a sample."""

import dataclasses

import numpy as np

from moc_tf.indexing.uniform_sample import UniformSample

_NEIGHBOURS = 10
_QUERIES = 1_000
_ITEMS = 50_000
_SAMPLE_VALUES = 2**27  # 512 MiB of float32: vectors above 2,684 have fewer items
_BLOCK_VALUES = 2**23  # distances at a time
_SEED = 0


@dataclasses.dataclass(frozen=True)
class NeighbourRecall:
    """Neighbour recall@10 of code space against vector space.

    Attributes:
      recall: share of an item's 10 nearest neighbours in vector space that are among
        the 10 in code space, mean over up to 1,000 items; None for a single item.
      chance: what codes that know nothing of the vectors have, 10 / (items - 1).
      items: items that were searched, itself included.
    """

    recall: float | None
    chance: float | None
    items: int


class NeighbourSample:
    """A uniform sample of the items, on which neighbours are compared.

    While items are added, memory does not grow beyond it; `recall` takes twice as much
    again, and some 250 MiB for distances. How the items are batched is no matter.

    Args:
      size: items of the sample; None takes 50,000, or fewer of vectors that are wider
        than 2,684.
    """

    def __init__(self, size: int | None = None):
        self._size = size
        self._sample: UniformSample | None = None

    def add(self, vectors: np.ndarray, codes: np.ndarray) -> None:
        """Takes in the vectors [rows, X] and codes [rows, N] of a batch."""
        if self._sample is None:
            size = self._size or min(_ITEMS, _SAMPLE_VALUES // vectors.shape[1])
            self._sample = UniformSample(size, _SEED)
        self._sample.add(vectors.astype(np.float32, copy=False), codes)

    def recall(self) -> NeighbourRecall:
        """Compares the neighbours of up to 1,000 items of the sample."""
        assert self._sample is not None
        vectors, codes = self._sample.by_key()
        items = len(vectors)
        if items == 1:
            return NeighbourRecall(None, None, items)
        queries = np.arange(min(items, _QUERIES))
        neighbours = min(_NEIGHBOURS, items - 1)
        return NeighbourRecall(
            neighbour_recall(vectors, codes, queries, neighbours),
            neighbours / (items - 1),
            items,
        )


def neighbour_recall(
    vectors: np.ndarray, codes: np.ndarray, queries: np.ndarray, neighbours: int
) -> float:
    """Share of the nearest vectors that are among the items that share most codes.

    Vectors are compared by Euclidean distance, codes by the number of codebooks in
    which they differ; an item is no neighbour of itself. Where several items are as
    near as the last neighbour, each is one with the probability that a random order
    would give it: the result is the expectation over these orders, and nothing
    depends on the order of the items.

    Args:
      vectors: finite float32 [items, X].
      codes: integers [items, N].
      queries: rows whose neighbours are compared, int [queries].
      neighbours: how many are compared, from 1 to items - 1.

    Returns:
      The mean over the queries, in [0, 1]; `neighbours / (items - 1)` is the
      expectation for codes that know nothing of the vectors.
    """
    from sklearn.metrics.pairwise import euclidean_distances

    # Neither a common offset nor the unit may cost digits of the distances.
    points = vectors - vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    points /= max(points.max(), -points.min()) or 1
    block = max(1, _BLOCK_VALUES // len(points))
    found = 0.0
    for start in range(0, len(queries), block):
        rows = queries[start : start + block]
        distances = euclidean_distances(points[rows], points, squared=True)
        differing = np.zeros([len(rows), len(points)], np.float32)
        for column in codes.T:
            differing += column[rows, np.newaxis] != column
        squares = np.square(points[rows]).sum(axis=1, keepdims=True)
        for each in (distances, differing):
            each[np.arange(len(rows)), rows] = np.inf
        found += float(
            np.sum(
                # Equal vectors are equally far, but for rounding.
                _chances(distances, neighbours, 1e-6, 1e-12 * squares)
                * _chances(differing, neighbours, 0, 0),
                dtype=np.float64,
            )
        )
    return found / (len(queries) * neighbours)


def _chances(
    distances: np.ndarray, neighbours: int, relative: float, absolute: np.ndarray | int
) -> np.ndarray:
    """Each item's probability to be a neighbour, float32 of the shape of `distances`.

    Distances that differ from the last neighbour's by at most the two tolerances
    are as far as it.
    """
    last = np.partition(distances, neighbours - 1, axis=1)[:, neighbours - 1, None]
    tolerance = relative * last + absolute
    nearer = distances < last - tolerance
    tied = np.abs(distances - last) <= tolerance
    left = neighbours - nearer.sum(axis=1, keepdims=True)
    share = left / tied.sum(axis=1, keepdims=True)
    return nearer + tied * share.astype(np.float32)
