"""Settings of the experiments, by data set.

Those of the Amazon data are the defaults but for `hidden_share`, which was chosen by
validation AUC on Beauty, mean of two seeds:

    hidden_share          0      0.05   0.1    0.25   0.5
    without codes         0.640  0.659  0.658  0.656  0.657
    with 7 codes of moc   0.646  0.663  0.665  0.661  0.661

`train_ranker --hidden_share=...` repeats it; a run's result.json has both parts.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from moc_tf.training import RankerConfig


@dataclasses.dataclass(frozen=True)
class Setting:
    """Settings of a comparison.

    Attributes:
      ranker: settings of the ranker and its training.
      indexer: settings of the indexers.
    """

    ranker: RankerConfig
    indexer: Mapping[str, Any]


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
        "hidden_units": (128,),
        "epochs": 30,
        "batch_size": 256,
        "learning_rate": 4e-3,
    },
)

AMAZON = Setting(
    ranker=RankerConfig(hidden_share=0.1), indexer={"codebook_size": 256, "epochs": 40}
)

# Indexing methods by the names of `experiments.compare_indexers`: method and options.
INDEXERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "diverse_moc": ("moc", {"diversity_weight": 1.0}),
    "concatenated_moc": ("moc", {"decoder": "concatenated"}),
}
