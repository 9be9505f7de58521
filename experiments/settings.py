"""Settings of the experiments, by data set; chosen on validation parts alone."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from moc_tf.data import PlantedConfig
from moc_tf.training import RankerConfig


@dataclasses.dataclass(frozen=True)
class Setting:
    """Settings of a comparison.

    Attributes:
      ranker: settings of the ranker and its training.
      indexer: settings of the indexers.
      planted: settings of the planted benchmark.
    """

    ranker: RankerConfig
    indexer: Mapping[str, Any]
    planted: PlantedConfig | None = None


PLANTED = Setting(
    ranker=RankerConfig(
        hidden_units=(64, 32),
        embedding_dim=8,
        hidden_share=0.1,
        learning_rate=4e-3,
        batch_size=1024,
        max_epochs=5,
    ),
    indexer={
        "codebook_size": 32,
        "codebook_dim": 16,
        "hidden_units": (128, 64),
        "epochs": 20,
        "batch_size": 256,
        "learning_rate": 4e-3,
    },
    planted=PlantedConfig(),
)

AMAZON = Setting(
    ranker=RankerConfig(hidden_share=0.1), indexer={"codebook_size": 256, "epochs": 40}
)
