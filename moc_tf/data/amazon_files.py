"""Reads the files of the Amazon 2014 release: 5-core reviews and item metadata.

A category of the release is two files, with one record a line:

    reviews_<Category>_5.json.gz   JSON objects
    meta_<Category>.json.gz        Python dict literals (the name misleads)

Sources: He & McAuley, "Ups and Downs", WWW 2016; McAuley et al., "Image-based
Recommendations on Styles and Substitutes", SIGIR 2015.
"""

import ast
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moc_tf.data.interactions import Catalogue, Interactions
from moc_tf.data.record_files import (
    DataFileError,
    check_presence,
    each_line,
    identifier,
    parse_record,
    text,
    value_of,
    wrong_value,
)
from moc_tf.identifiers import as_identifiers, preview

CATEGORIES: Mapping[str, str] = {
    "beauty": "Beauty",
    "sports_and_outdoors": "Sports_and_Outdoors",
    "toys_and_games": "Toys_and_Games",
}
"""Data set name -> category in the names of its files."""

ATTRIBUTES = ("title", "brand", "category", "description")
"""The attributes of an item, in the order in which columns are built."""

# A fixed-width column pads every value to the longest, and the descriptions of the
# public files run to thousands of characters.
_DTYPES: Mapping[str, Any] = {"description": np.dtypes.StringDType()}
_ITEM_ID_OPENS_LINE = re.compile(r"\{'asin': '([^'\\]*)'")


def load_amazon(
    name: str,
    release_dir: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
) -> tuple[Interactions, Catalogue]:
    """Loads a data set of the Amazon 2014 release.

    Args:
      name: a key of `CATEGORIES`: "beauty", "sports_and_outdoors" or
        "toys_and_games".
      release_dir: a folder with the two files of the category, which are read
        directly. None downloads them through TensorFlow Datasets.
      data_dir: where TensorFlow Datasets keeps what it downloads and prepares; None
        is its own default. Only without `release_dir`.

    Returns:
      The interactions in file order, and the catalogue of exactly the items that
      occur in them, sorted by item id. Both ways of loading give the same.

    Raises:
      ValueError: if there is no such data set, or both folders are given.
      DataFileError: if a file is missing, damaged, or holds something unexpected.
      ConnectionError: if the files cannot be downloaded, which TensorFlow Datasets
        tries for some minutes.
    """
    if release_dir is None:
        from moc_tf.data.amazon import load_prepared

        return load_prepared(name, data_dir)
    if data_dir is not None:
        raise ValueError(
            "Files of a release_dir are read in place, so that data_dir would go "
            f"unused. Received: both, {str(release_dir)!r} and {str(data_dir)!r}. "
            "Give one of them."
        )
    return read_release(*release_paths(name, release_dir))


def release_names(name: str) -> tuple[str, str]:
    """File names of the reviews and of the metadata of the data set `name`."""
    category = _category(name)
    return f"reviews_{category}_5.json.gz", f"meta_{category}.json.gz"


def release_paths(name: str, release_dir: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Paths of the reviews and of the metadata of the data set `name`.

    Raises:
      DataFileError: if one of them is not in the folder.
    """
    folder = Path(release_dir)
    reviews, metadata = release_names(name)
    check_presence(folder, (reviews, metadata))
    return folder / reviews, folder / metadata


def vectors_path(name: str, release_dir: str | os.PathLike[str]) -> Path:
    """Path that the item vectors of the data set `name` have in such a folder."""
    return Path(release_dir) / f"item_embeddings_{_category(name)}.npz"


def read_release(
    reviews: str | os.PathLike[str], metadata: str | os.PathLike[str]
) -> tuple[Interactions, Catalogue]:
    """Reads a category: its interactions, and the items that occur in them.

    Args:
      reviews: path of the reviews.
      metadata: path of the metadata; it may describe further items.

    Returns:
      The interactions in file order and the catalogue sorted by item id.

    Raises:
      DataFileError: if a file is missing, damaged, or holds something unexpected, or
        an item has no metadata.
    """
    interactions = read_reviews(reviews)
    item_ids = np.unique(interactions.item_ids)
    catalogue = read_catalogue(metadata, item_ids)
    rows = catalogue.rows(item_ids)
    return interactions, Catalogue(
        item_ids, {key: column[rows] for key, column in catalogue.attributes.items()}
    )


def read_reviews(path: str | os.PathLike[str]) -> Interactions:
    """Reads a reviews file: reviewerID, asin, unixReviewTime and overall.

    Args:
      path: a gzip file with a JSON object a line; further keys are ignored.

    Returns:
      The interactions in file order. Ratings are in stars, 1 to 5, and None if no
      line has them.

    Raises:
      DataFileError: if the file is missing or damaged, a line is malformed, or only
        some of the lines have a rating. It names the line.
    """
    rows: list[tuple[str, str, int, float | None]] = []

    def read(line: str) -> None:
        record = parse_record(json.loads, "a JSON object", line)
        rows.append(
            (
                identifier(record, "reviewerID"),
                identifier(record, "asin"),
                _seconds(record),
                _stars(record),
            )
        )

    each_line(path, read)
    users, items, times, stars = zip(*rows, strict=True)
    rated = sum(value is not None for value in stars)
    if 0 < rated < len(rows):
        raise DataFileError(
            f"{path}, line {stars.index(None) + 1}: the key 'overall' is missing, "
            f"though {rated} of the {len(rows)} lines have it. Expected: a rating on "
            "all lines or on none."
        )
    return Interactions(
        user_ids=np.array(users),
        item_ids=np.array(items),
        timestamps=np.array(times, np.int64),
        ratings=np.array(stars, np.float32) if rated else None,
    )


def read_catalogue(
    path: str | os.PathLike[str], item_ids: npt.ArrayLike | None = None
) -> Catalogue:
    """Reads a metadata file: title, brand, categories and description of items.

    The public files describe twenty times as many items as the 5-core has. With
    `item_ids`, a line that opens with the id of another item is not parsed.

    Args:
      path: a gzip file with a Python dict literal a line; further keys are ignored.
      item_ids: the items to keep, [items]; None keeps all.

    Returns:
      The items in file order, with the attributes `ATTRIBUTES`. The category is the
      first path of `categories`, joined by " > ". An attribute is "" where an item
      lacks it or has None.

    Raises:
      DataFileError: if the file is missing or damaged, a line is malformed, an item
        has two lines (all of which name the line), or one of `item_ids` has none.
    """
    wanted = None
    if item_ids is not None:
        wanted = dict.fromkeys(as_identifiers(item_ids, "item ids").tolist())
    attributes: dict[str, tuple[str, ...]] = {}

    def read(line: str) -> None:
        opening = _ITEM_ID_OPENS_LINE.match(line)
        if wanted is not None and opening and opening[1] not in wanted:
            return
        record = parse_record(ast.literal_eval, "a Python dict literal", line)
        item_id = identifier(record, "asin")
        if item_id in attributes:
            raise ValueError(
                f"the item {item_id!r} has an earlier line already. Expected: one "
                "line an item."
            )
        if wanted is None or item_id in wanted:
            attributes[item_id] = (
                text(record, "title"),
                text(record, "brand"),
                _first_category(record),
                text(record, "description"),
            )

    each_line(path, read)
    missing = [item_id for item_id in wanted or () if item_id not in attributes]
    if missing:
        raise DataFileError(
            f"{path} has no line for {len(missing)} of the {len(wanted or ())} items "
            f"asked for: {preview(missing)}. Is it the metadata of this category?"
        )
    return catalogue_of(attributes)


def catalogue_of(attributes: Mapping[str, Sequence[str]]) -> Catalogue:
    """The catalogue of item id -> values of `ATTRIBUTES`, in that order."""
    columns = zip(*attributes.values(), strict=True) if attributes else [()] * 4
    return Catalogue(
        np.array(list(attributes), dtype=str),
        {
            name: np.array(column, dtype=_DTYPES.get(name, str))
            for name, column in zip(ATTRIBUTES, columns, strict=True)
        },
    )


def _category(name: str) -> str:
    if name not in CATEGORIES:
        raise ValueError(
            f"An Amazon 2014 data set must be one of {sorted(CATEGORIES)}. "
            f"Received: {name!r}."
        )
    return CATEGORIES[name]


def _seconds(record: dict[str, Any]) -> int:
    value = value_of(record, "unixReviewTime")
    if type(value) is not int or not 0 <= value < 2**63:
        raise wrong_value(
            "unixReviewTime", "a whole number of seconds since 1970", value
        )
    return value


def _stars(record: dict[str, Any]) -> float | None:
    if "overall" not in record:
        return None
    value = record["overall"]
    if type(value) not in (int, float) or not 1 <= value <= 5:
        raise wrong_value("overall", "a number from 1 to 5", value)
    return value


def _first_category(record: dict[str, Any]) -> str:
    paths = record.get("categories") or [[]]
    path = paths[0] if isinstance(paths, list) else None
    if not isinstance(path, list) or not all(isinstance(step, str) for step in path):
        raise wrong_value("categories", "a list of lists of strings", paths)
    return " > ".join(path)
