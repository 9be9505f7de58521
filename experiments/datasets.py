"""The data sets of the experiments by name."""

import dataclasses
from collections.abc import Mapping

from moc_tf.code_table import CodeTable
from moc_tf.data import (
    ItemVectors,
    PlantedConfig,
    RankingData,
    load_amazon,
    load_item_vectors,
    make_planted,
    prepare_ranking_data,
)
from moc_tf.data.amazon_files import CATEGORIES, vectors_path

DATASETS = ("planted", *(f"amazon/{name}" for name in CATEGORIES))


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set, ready for a comparison.

    Attributes:
      ranking: log and catalogue.
      vectors: of the items.
      tables: code tables that come with the data, by method name.
    """

    ranking: RankingData
    vectors: ItemVectors
    tables: Mapping[str, CodeTable]


def load_dataset(
    name: str,
    protocol: str = "rating",
    data_dir: str | None = None,
    vectors: str | None = None,
    planted: PlantedConfig | None = None,
) -> Dataset:
    """Loads a data set.

    Args:
      name: one of `DATASETS`.
      protocol: "rating" or "implicit".
      data_dir: of an Amazon data set: the folder with the release's files; None
        downloads them through TensorFlow Datasets.
      vectors: file of item vectors; None takes `item_embeddings_<Category>.npz` of
        `data_dir`. The planted benchmark has its own.
      planted: settings of the planted benchmark.

    Raises:
      ValueError: if there is no such data set, or no file of item vectors is known.
    """
    if name == "planted":
        benchmark = make_planted(planted)
        ranking = prepare_ranking_data(
            benchmark.interactions, benchmark.catalogue, protocol, name
        )
        tables = {"true_factors": benchmark.true_factors}
        return Dataset(ranking, benchmark.vectors, tables)
    if name not in DATASETS:
        raise ValueError(
            f"The data set must be one of {list(DATASETS)}. Received: {name!r}."
        )
    category = name.removeprefix("amazon/")
    if vectors is None and data_dir is None:
        raise ValueError(
            f"Data set {name!r} needs item vectors, which the public release does not "
            "have. Give --vectors, a file that moc_tf.data.load_item_vectors reads."
        )
    path = vectors if vectors else vectors_path(category, data_dir or "")
    ranking = prepare_ranking_data(*load_amazon(category, data_dir), protocol, name)
    return Dataset(ranking, load_item_vectors(path), {})
