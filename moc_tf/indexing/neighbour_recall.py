"""Do items that are near in vector space share codes? Measured on a sample."""

import dataclasses

import numpy as np

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

    Memory does not grow beyond it, and how the items are batched is no matter.

    Args:
      size: items of the sample; None takes 50,000, or fewer of vectors that are wider
        than 2,684.
    """

    def __init__(self, size: int | None = None):
        self._size = size
        self._random = np.random.default_rng(_SEED)
        self._seen = 0

    def add(self, vectors: np.ndarray, codes: np.ndarray) -> None:
        """Takes in the vectors [rows, X] and codes [rows, N] of a batch."""
        if not self._seen:
            self._reserve(vectors.shape[1], codes.shape[1], codes.dtype)
        self._seen += len(vectors)
        # The rows with the smallest random keys are a uniform sample of all so far.
        keys = self._random.random(len(vectors))
        places = len(self._keys)
        merged = np.concatenate([self._keys, keys])
        chosen = np.argpartition(merged, places - 1)[:places]
        new = chosen[chosen >= places] - places
        free = np.setdiff1d(np.arange(places), chosen)
        self._keys[free] = keys[new]
        self._vectors[free] = vectors[new]
        self._codes[free] = codes[new]

    def _reserve(self, width: int, num_codebooks: int, dtype: np.dtype) -> None:
        places = self._size or min(_ITEMS, _SAMPLE_VALUES // width)
        self._keys = np.full(places, np.inf)
        # Memory that no row reaches is never touched.
        self._vectors = np.empty([places, width], np.float32)
        self._codes = np.empty([places, num_codebooks], dtype)

    def recall(self) -> NeighbourRecall:
        """Compares the neighbours of up to 1,000 items of the sample."""
        items = min(self._seen, len(self._keys))
        if items == 1:
            return NeighbourRecall(None, None, items)
        # In the order of their keys, so that any first of them are a sample again.
        taken = np.argsort(self._keys)[:items]
        queries = np.arange(min(items, _QUERIES))
        neighbours = min(_NEIGHBOURS, items - 1)
        return NeighbourRecall(
            neighbour_recall(
                self._vectors[taken], self._codes[taken], queries, neighbours
            ),
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
    points /= np.abs(points).max() or 1
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
