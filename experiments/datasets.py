"""The data sets of the experiments by name."""

import dataclasses
import pathlib
from collections.abc import Mapping

from moc_tf.code_table import CodeTable
from moc_tf.data import (
    ItemVectors,
    RankingData,
    load_amazon,
    load_item_vectors,
    make_planted,
    prepare_ranking_data,
)
from moc_tf.data.amazon_files import CATEGORIES, release_paths, vectors_path

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
) -> Dataset:
    """Loads a data set.

    Args:
      name: one of `DATASETS`.
      protocol: "rating" or "implicit".
      data_dir: of an Amazon data set: the folder with the release's files; None
        downloads them through TensorFlow Datasets.
      vectors: file of item vectors; None takes `item_embeddings_<Category>.npz` of
        `data_dir`. The planted benchmark has its own.

    Raises:
      ValueError: if there is no such data set, no file of item vectors is known, or
        files are given to the planted benchmark.
    """
    if name == "planted":
        if data_dir or vectors:
            raise ValueError(
                "The planted benchmark is generated and reads no files. Received: "
                f"data_dir={data_dir!r}, vectors={vectors!r}. Name the data set of "
                f"these files with --dataset, one of {list(DATASETS[1:])}."
            )
        benchmark = make_planted()
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
    if data_dir:
        release_paths(category, data_dir)  # the files themselves come first
    path = pathlib.Path(vectors or vectors_path(category, data_dir or ""))
    if not path.is_file():
        raise ValueError(
            f"There is no file of item vectors {path}. Put one there, .npz with the "
            "arrays item_id and embedding; a program that has --vectors takes another "
            "file, .npy or .parquet too."
        )
    items = load_item_vectors(path)
    ranking = prepare_ranking_data(*load_amazon(category, data_dir), protocol, name)
    return Dataset(ranking, items, {})


@dataclasses.dataclass(frozen=True)
class Loader:
    """Loads data sets for a `Suite`, from one folder.

    Attributes:
      data_dir: see `load_dataset`.
    """

    data_dir: str | None = None

    def __call__(self, name: str, protocol: str) -> tuple[RankingData, ItemVectors]:
        """The data set of that name and protocol, and its vectors.

        Raises:
          ValueError: as `load_dataset`; also for an Amazon data set without a folder.
        """
        is_planted = name == "planted"
        if name in DATASETS and not is_planted and self.data_dir is None:
            category = name.removeprefix("amazon/")
            raise ValueError(
                f"Data set {name!r} needs its files. Give --data_dir, a folder with "
                "those of the Amazon 2014 release and "
                f"{vectors_path(category, '').name}. Received: no folder."
            )
        dataset = load_dataset(name, protocol, None if is_planted else self.data_dir)
        return dataset.ranking, dataset.vectors
