"""The Amazon 2014 release as a TensorFlow Datasets builder."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from moc_tf.data.amazon_files import (
    ATTRIBUTES,
    CATEGORIES,
    catalogue_of,
    read_release,
    release_names,
    release_paths,
)
from moc_tf.data.interactions import Catalogue, Interactions

_URL = "https://snap.stanford.edu/data/amazon/productGraph/categoryFiles/"
_HOMEPAGE = "https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html"
_DESCRIPTION = """\
Reviews of a category of amazon.com from May 1996 to July 2014, 5-core: every user and
every item has at least five. An example is one review, without its text, and what the
release says about the item. The order is that of the release's file."""
_CITATION = """\
@inproceedings{he2016ups,
  title={Ups and Downs: Modeling the Visual Evolution of Fashion Trends with One-Class
    Collaborative Filtering},
  author={He, Ruining and McAuley, Julian},
  booktitle={Proceedings of the 25th International Conference on World Wide Web},
  pages={507--517},
  year={2016}
}
@inproceedings{mcauley2015image,
  title={Image-Based Recommendations on Styles and Substitutes},
  author={McAuley, Julian and Targett, Christopher and Shi, Qinfeng and
    van den Hengel, Anton},
  booktitle={Proceedings of the 38th International ACM SIGIR Conference on Research and
    Development in Information Retrieval},
  pages={43--52},
  year={2015}
}"""
_BATCH_SIZE = 16_384


class Amazon2014(tfds.core.GeneratorBasedBuilder):
    """Builder of the configs "beauty", "sports_and_outdoors" and "toys_and_games".

    The one split, "train", holds all interactions in file order. Features: user_id,
    item_id, timestamp (int64 seconds since 1970), rating (float32 stars, 1 to 5; NaN
    where the file has none), and the item's title, brand, category and description
    ("" where it has none).

    Args:
      release_dir: a folder with the files of the release, which are then read
        instead of downloaded. Prepared data do not remember where they came from:
        give a folder whose files differ from the public ones its own `data_dir`.
      **kwargs: arguments of every builder, such as `config` and `data_dir`.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}  # noqa: RUF012 (TFDS reads it so)
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(
            name=name, description=f"Category {category.replace('_', ' ')}."
        )
        for name, category in CATEGORIES.items()
    ]

    def __init__(
        self, *, release_dir: str | os.PathLike[str] | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self._release_dir = release_dir
        self._original_state["release_dir"] = release_dir  # what a copy is built from

    def _info(self) -> tfds.core.DatasetInfo:
        text = tfds.features.Text()
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            homepage=_HOMEPAGE,
            citation=_CITATION,
            features=tfds.features.FeaturesDict(
                {
                    "user_id": text,
                    "item_id": text,
                    "timestamp": np.int64,
                    "rating": np.float32,
                    **dict.fromkeys(ATTRIBUTES, text),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[int, dict[str, Any]]]]:
        name = self.builder_config.name
        if self._release_dir is None:
            paths = _download(dl_manager, release_names(name))
        else:
            paths = release_paths(name, self._release_dir)
        return {"train": self._generate_examples(*paths)}

    def _generate_examples(
        self, reviews: Path, metadata: Path
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        interactions, catalogue = read_release(reviews, metadata)
        ratings = interactions.ratings
        if ratings is None:
            ratings = np.full(len(interactions), np.nan, np.float32)
        items = catalogue.rows(interactions.item_ids)
        columns = {
            "user_id": interactions.user_ids,
            "item_id": interactions.item_ids,
            "timestamp": interactions.timestamps,
            "rating": ratings,
            **{name: catalogue.attributes[name][items] for name in ATTRIBUTES},
        }
        for row, values in enumerate(zip(*columns.values(), strict=True)):
            yield row, dict(zip(columns, values, strict=True))


def load_prepared(
    name: str, data_dir: str | os.PathLike[str] | None = None
) -> tuple[Interactions, Catalogue]:
    """Loads a data set that `Amazon2014` prepared, and prepares it first if need be.

    Args:
      name: a key of `moc_tf.data.amazon_files.CATEGORIES`.
      data_dir: where TensorFlow Datasets keeps data; None is its own default.

    Returns:
      What `moc_tf.data.amazon_files.read_release` returns for the public files.

    Raises:
      ValueError: if there is no such data set.
      ConnectionError: if the files cannot be downloaded.
    """
    release_names(name)  # the error of an unknown name, before TFDS words its own
    builder = Amazon2014(config=name, data_dir=data_dir)
    builder.download_and_prepare()
    logged: dict[str, list[np.ndarray]] = {
        key: [] for key in ("user_id", "item_id", "timestamp", "rating")
    }
    attributes: dict[str, tuple[str, ...]] = {}
    dataset = builder.as_dataset(split="train", batch_size=_BATCH_SIZE)
    for batch in tfds.as_numpy(dataset):
        for key, batches in logged.items():
            column = batch[key]
            if column.dtype == object:
                column = np.char.decode(column.astype(bytes), "utf-8")
            batches.append(column)
        item_ids, rows = np.unique(logged["item_id"][-1], return_index=True)
        for item_id, row in zip(item_ids.tolist(), rows.tolist(), strict=True):
            if item_id not in attributes:
                attributes[item_id] = tuple(batch[k][row].decode() for k in ATTRIBUTES)
    users, items, timestamps, ratings = map(np.concatenate, logged.values())
    return (
        Interactions(users, items, timestamps, _or_none(ratings)),
        catalogue_of(dict(sorted(attributes.items()))),
    )


def _or_none(ratings: np.ndarray) -> np.ndarray | None:
    return None if np.isnan(ratings).all() else ratings


def _download(
    dl_manager: tfds.download.DownloadManager, names: tuple[str, str]
) -> tuple[Path, Path]:
    urls = [_URL + name for name in names]
    try:
        reviews, metadata = dl_manager.download(urls)
    except (OSError, tfds.download.DownloadError) as error:
        raise ConnectionError(
            f"Could not download {urls[0]} and {urls[1]}: {error}. Without a network, "
            f"put the files {names[0]} and {names[1]} into a folder and give it as "
            "release_dir."
        ) from error
    return reviews, metadata
