"""A benchmark whose right answer is known: clicks caused by planted item factors.

Each item has one value of each of several independent hidden factors. Its vector is
the sum of its values' directions plus noise, as an embedding mixes brand, style and
use; a click depends on how a user likes each of these values. So the more factors a
code set tells apart, the better the ranker: no codes < one code < more parallel codes
<= the factors themselves. An implementation that orders them otherwise is wrong.
"""

import dataclasses

import numpy as np

from moc_tf.code_table import CodeTable
from moc_tf.data.interactions import Catalogue, Interactions
from moc_tf.data.vectors import ItemVectors


@dataclasses.dataclass(frozen=True)
class PlantedConfig:
    """Sizes and strengths.

    Attributes:
      num_items: items.
      num_users: users.
      num_interactions: rows of the log.
      num_factors: hidden factors of an item.
      num_values: values a factor can take.
      vector_dim: X, dimensions of an item vector.
      noise: standard deviation of the vectors' noise, in units of that of a sum of
        `num_factors` standard normal numbers. Items take one of `num_values` values, so
        that their signal varies less: by default noise is .25 of it, not .2.
      taste_dim: rank of user tastes.
      affinity: standard deviation of the logit's part that tells users apart.
      appeal: strength of the logit's part common to all users, in the same units: its
        standard deviation is 1.4 to 1.9 by default. Neither is its mean zero, so that
        the share of clicks goes from .27 to .59 over the seeds 0 to 7.
      late_items: share of items that enter the catalogue during the log.
      seed: of everything.

    Raises:
      ValueError: if a number is below 1, a strength negative or late_items no share.
    """

    num_items: int = 4_000
    num_users: int = 500
    num_interactions: int = 60_000
    num_factors: int = 8
    num_values: int = 3
    vector_dim: int = 64
    noise: float = 0.2
    taste_dim: int = 2
    affinity: float = 3.0
    appeal: float = 2.0
    late_items: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            least = 1 if field.type is int and field.name != "seed" else 0
            if not value >= least:
                raise ValueError(
                    f"{field.name} must be at least {least}. Received: {value}."
                )
        if self.late_items > 1:
            raise ValueError(
                "late_items is a share and must be at most 1. Received: "
                f"{self.late_items}."
            )


@dataclasses.dataclass(frozen=True)
class PlantedBenchmark:
    """What `make_planted` makes.

    Attributes:
      interactions: the log; ratings are 5 for a click and 1 for none.
      catalogue: the items, without attributes.
      vectors: of the items.
      true_factors: the hidden factors as codes, the upper bound of any code set.
    """

    interactions: Interactions
    catalogue: Catalogue
    vectors: ItemVectors
    true_factors: CodeTable


def make_planted(config: PlantedConfig | None = None) -> PlantedBenchmark:
    """Draws a planted benchmark; equal settings give equal data."""
    config = config or PlantedConfig()
    random = np.random.default_rng(config.seed)
    shape = (config.num_factors, config.num_values)
    factors = random.integers(
        config.num_values, size=(config.num_items, config.num_factors)
    )

    def summed(table: np.ndarray) -> np.ndarray:
        """Sum over factors of the rows that each item's values pick, [items, ...]."""
        return table[np.arange(config.num_factors), factors].sum(axis=1)

    vectors = summed(random.standard_normal((*shape, config.vector_dim)))
    vectors += (
        config.noise
        * np.sqrt(config.num_factors)
        * random.standard_normal(vectors.shape)
    )
    taste_of_item = summed(random.standard_normal((*shape, config.taste_dim)))
    taste_of_user = random.standard_normal((config.num_users, config.taste_dim))
    appeal = summed(random.standard_normal(shape))

    # An item can be shown once it has entered; rows are in order of time.
    entry = np.where(
        random.random(config.num_items) < config.late_items,
        random.random(config.num_items),
        0.0,
    )
    by_entry = np.argsort(entry, kind="stable")
    time = np.sort(random.random(config.num_interactions))
    present = np.maximum(np.searchsorted(entry[by_entry], time, side="right"), 1)
    items = by_entry[(random.random(len(time)) * present).astype(np.int64)]
    users = random.integers(config.num_users, size=len(time))

    matches = np.einsum("rd,rd->r", taste_of_user[users], taste_of_item[items])
    logits = config.affinity * matches / np.sqrt(config.num_factors * config.taste_dim)
    logits += config.appeal * appeal[items] / np.sqrt(config.num_factors)
    clicked = random.random(len(time)) < 1 / (1 + np.exp(-logits))

    item_ids = np.array([f"item-{i:06d}" for i in range(config.num_items)])
    user_ids = np.array([f"user-{i:06d}" for i in range(config.num_users)])
    return PlantedBenchmark(
        Interactions(
            user_ids[users],
            item_ids[items],
            (time * 10_000_000).astype(np.int64),
            np.where(clicked, 5.0, 1.0).astype(np.float32),
        ),
        Catalogue(item_ids, {}),
        ItemVectors(item_ids, vectors.astype(np.float32)),
        CodeTable(
            item_ids,
            factors.astype(np.int32),
            config.num_values,
            manifest={"method": "true_factors", **dataclasses.asdict(config)},
        ),
    )
