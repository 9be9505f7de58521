"""The data that workloads are measured on: drawn anew each time, and always the same.

Order and types of the draws are those by which other systems are measured, so that all
see the same numbers; a change to any of them makes figures incomparable.
"""

import dataclasses

import numpy as np

from experiments.benchmarks.shapes import RankerShape, TokenizerShape

SEED = 20240517
# Shares of the vectors' variance.
_BETWEEN_CLUSTERS, _WITHIN_CLUSTERS, _NOISE = 0.64, 0.26, 0.10
_MIX = 2_654_435_761  # near 2^32 over the golden ratio: spreads neighbours far apart


def item_vectors(shape: TokenizerShape) -> np.ndarray:
    """Vectors like those of item texts: float32 [num_vectors, dim].

    Clusters of uneven size, and differences within them, lie in a few directions whose
    variances fall as 1, 1/2, 1/3, ...; noise lies in all. Columns have mean 0 and all
    numbers together mean square 1, so a mean squared error is a relative one.
    """
    random = np.random.default_rng(SEED)
    square = random.standard_normal((shape.dim, shape.rank))
    directions = np.linalg.qr(square).Q.T.astype(np.float32)
    spread = (np.arange(1, shape.rank + 1) ** -0.5).astype(np.float32)
    total = np.sum(np.square(spread, dtype=np.float64))
    spread *= np.float32(np.sqrt(shape.dim / total))

    popularity = np.arange(1, shape.num_clusters + 1) ** -0.5
    centres = _normal(random, shape.num_clusters, shape.rank) * spread
    cluster = random.choice(
        shape.num_clusters, shape.num_vectors, p=popularity / popularity.sum()
    )
    places = _root(_BETWEEN_CLUSTERS) * centres[cluster]
    places += _root(_WITHIN_CLUSTERS) * (
        _normal(random, shape.num_vectors, shape.rank) * spread
    )
    vectors = places @ directions
    vectors += _root(_NOISE) * _normal(random, shape.num_vectors, shape.dim)
    vectors -= vectors.mean(axis=0)
    mean_square = np.mean(np.square(vectors, dtype=np.float64))
    return vectors / np.float32(np.sqrt(mean_square))


@dataclasses.dataclass(frozen=True)
class ClickLog:
    """A click log and the catalogue of its items.

    Attributes:
      user: int32 [rows].
      item: int32 [rows], into the catalogue.
      label: float32 [rows], 0 or 1.
      brand: int32 [items].
      category: int32 [items].
      codes: int32 [items, N].
    """

    user: np.ndarray
    item: np.ndarray
    label: np.ndarray
    brand: np.ndarray
    category: np.ndarray
    codes: np.ndarray

    def catalogue(self) -> dict[str, np.ndarray]:
        """Columns of the items, as `make_batches` joins them to rows."""
        return {
            "item": np.arange(len(self.brand), dtype=np.int32),
            "brand": self.brand,
            "category": self.category,
            "codes": self.codes,
        }

    def log(self) -> dict[str, np.ndarray]:
        """Columns of the rows, with the key "item_row" into the catalogue."""
        return {"user": self.user, "item_row": self.item, "label": self.label}

    def columns(self) -> dict[str, np.ndarray]:
        """Columns of the rows with all that is known of their items."""
        of_items = {name: v[self.item] for name, v in self.catalogue().items()}
        return {"user": self.user, **of_items, "label": self.label}


def click_log(shape: RankerShape, users: int) -> ClickLog:
    """Clicks of `users` users: a quarter of the rows, more or less.

    Users come by a flat law of popularity, items by a steep one. A click follows how
    active the user is, how good the item, how well the two fit, and the first code.
    """
    random = np.random.default_rng(SEED + 1)
    brand = _popular(random, shape.brands, shape.items, 1.0)
    category = _popular(random, shape.categories, shape.items, 1.0)
    codes = random.integers(0, shape.codebook_size, (shape.items, shape.num_codes))
    taste_of_item = _normal(random, shape.items, 4) * 0.7
    appeal = _normal(random, shape.items)
    appeal_of_code = _normal(random, shape.codebook_size)
    taste_of_user = _normal(random, users, 4) * 0.7
    activity = _normal(random, users) * 0.5
    user = _popular(random, users, shape.num_rows, 0.6)
    item = _popular(random, shape.items, shape.num_rows, 1.05)
    logit = -1.5 + activity[user] + appeal[item]
    logit = logit + 0.5 * appeal_of_code[codes[item, 0]]
    logit = logit + np.einsum("rd,rd->r", taste_of_user[user], taste_of_item[item])
    clicked = random.random(shape.num_rows) < 1 / (1 + np.exp(-logit))
    return ClickLog(
        user.astype(np.int32),
        item.astype(np.int32),
        clicked.astype(np.float32),
        brand.astype(np.int32),
        category.astype(np.int32),
        codes.astype(np.int32),
    )


def fingerprint(vectors: np.ndarray, log: ClickLog) -> dict[str, float]:
    """A few figures by which two sides see whether they have the same data."""
    batches = [log.user[i : i + 4096] for i in range(0, 40_960, 4096)]
    distinct = [len(np.unique(users)) for users in batches if len(users)]
    return {
        "x_mean_abs": round(float(np.abs(vectors).mean()), 5),
        "x_first": round(float(vectors[0, 0]), 4),
        "clicks": int(log.label.sum()),
        "user_sum": int(log.user.sum(dtype=np.int64)),
        "item_sum": int(log.item.sum(dtype=np.int64)),
        "code_3_sum": int(log.codes[log.item, 3 % log.codes.shape[1]].sum()),
        "users_per_batch": int(np.mean(distinct)),
    }


def _normal(random: np.random.Generator, *shape: int) -> np.ndarray:
    return random.standard_normal(shape, dtype=np.float32)


def _root(share: float) -> np.float32:
    return np.sqrt(np.float32(share))


def _popular(
    random: np.random.Generator, size: int, count: int, exponent: float
) -> np.ndarray:
    """`count` ids below `size`; the r-th most frequent has a share as r^-exponent.

    The law is that of a continuous variable in [1, size + 1), rounded down. Frequent
    ids lie all over the range, as they do in a real vocabulary.
    """
    uniform = random.random(count)
    if exponent == 1:
        value = np.exp(uniform * np.log(size + 1.0))
    else:
        power = 1 - exponent
        value = (uniform * ((size + 1.0) ** power - 1.0) + 1.0) ** (1.0 / power)
    rank = np.minimum(value.astype(np.int64) - 1, size - 1)
    stride = _MIX
    while np.gcd(stride, size) > 1:  # so that different ranks stay different ids
        stride += 2
    return (rank * (stride % size) + 12_345) % size
