"""The data sets of the experiments by name."""

import dataclasses
import pathlib
from collections.abc import Mapping

import numpy as np

from moc_tf.code_table import CodeTable
from moc_tf.data import (
    Catalogue,
    ItemVectors,
    RankingData,
    load_amazon,
    load_item_vectors,
    make_planted,
    prepare_ranking_data,
    read_interactions,
    read_items,
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
      protocol: "rating", "implicit" or "click", which Amazon has no column for.
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
class Files:
    """A data set in files of the user's own.

    Attributes:
      interactions: file that `moc_tf.data.read_interactions` reads.
      vectors: file of item vectors, of every item of the interactions.
      items: file that `moc_tf.data.read_items` reads; None if no attribute is needed.
      attributes: columns of `items` that become features of the ranker.
    """

    interactions: str
    vectors: str
    items: str | None = None
    attributes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What tables and settings call the data set."""
        return f"files/{pathlib.Path(self.interactions).stem}"

    def load(self, protocol: str) -> Dataset:
        """Loads the data set; items without an interaction are left out.

        Args:
          protocol: "rating", "implicit" or "click".

        Raises:
          ValueError: if a file is missing or malformed, the interactions have no column
            for the protocol, a part has no click or nothing else, or an item lacks
            attributes or a vector.
        """
        if bool(self.items) != bool(self.attributes):
            raise ValueError(
                "A file of items is read for its attributes, so that --items and "
                f"--attributes need one another. Received: items={self.items!r}, "
                f"attributes={list(self.attributes)}."
            )
        interactions = read_interactions(self.interactions)
        catalogue = Catalogue(np.unique(interactions.item_ids), {})
        if self.items:
            described = read_items(self.items, self.attributes)
            rows = described.rows(catalogue.item_ids)
            catalogue = Catalogue(
                catalogue.item_ids,
                {name: v[rows] for name, v in described.attributes.items()},
            )
        items = load_item_vectors(self.vectors)
        items.aligned_to(catalogue.item_ids)  # raises now, not after the first fit
        ranking = prepare_ranking_data(
            interactions,
            catalogue,
            protocol,
            self.name,
            item_attributes=self.attributes,
        )
        self._check_labels(ranking)
        return Dataset(ranking, items, {})

    def _check_labels(self, ranking: RankingData) -> None:
        """Raises ValueError if a part has rows of one label alone: no AUC is of it."""
        for part in ("train", "validation", "test"):
            found = np.unique(getattr(ranking, part).labels)
            if len(found) < 2:
                raise ValueError(
                    f"{self.interactions}: the {part} part (of 80, 10 and 10 % by "
                    "time) must have rows that are clicks and rows that are not, by "
                    f"the protocol {ranking.protocol!r}. Received: labels "
                    f"{found.tolist()} alone. A log of clicks alone takes the protocol "
                    "'implicit'."
                )


@dataclasses.dataclass(frozen=True)
class Loader:
    """Loads data sets for a `Suite`.

    Attributes:
      data_dir: see `load_dataset`; the folder of all Amazon data sets.
      vectors: the same; for one data set.
      files: the data set of that name, if one is in files.
    """

    data_dir: str | None = None
    vectors: str | None = None
    files: Files | None = None

    def dataset(self, name: str, protocol: str) -> Dataset:
        """The data set of that name.

        Raises:
          ValueError: as `load_dataset` and `Files.load`.
        """
        if self.files and name == self.files.name:
            return self.files.load(protocol)
        return load_dataset(name, protocol, self.data_dir, self.vectors)

    def __call__(self, name: str, protocol: str) -> tuple[RankingData, ItemVectors]:
        """The data set of that name and protocol, and its vectors.

        Raises:
          ValueError: as `dataset`; also for an Amazon data set without a folder or
            vectors.
        """
        is_planted = name == "planted"
        if name in DATASETS and not is_planted and not (self.data_dir or self.vectors):
            category = name.removeprefix("amazon/")
            raise ValueError(
                f"Data set {name!r} needs its files. Give --data_dir, a folder with "
                "those of the Amazon 2014 release and "
                f"{vectors_path(category, '').name}. Received: no folder."
            )
        folder = None if is_planted else self.data_dir
        dataset = dataclasses.replace(self, data_dir=folder).dataset(name, protocol)
        return dataset.ranking, dataset.vectors
