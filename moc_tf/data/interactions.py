"""The interaction log and the catalogue it speaks of, as columns."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from moc_tf.identifiers import IdentifierIndex, as_identifiers, preview


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """Items and their attributes.

    Attributes:
      item_ids: unique strings, [items].
      attributes: name -> strings, [items]; "" where an item lacks the attribute.

    Raises:
      ValueError: if ids or an attribute are no strings or integers, or their numbers
        differ.
    """

    item_ids: np.ndarray
    attributes: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        object.__setattr__(self, "item_ids", as_identifiers(self.item_ids, "item ids"))
        columns = {}
        for name, values in self.attributes.items():
            if len(values) != len(self):
                raise ValueError(
                    f"Attribute {name!r} must have one value an item. Received: "
                    f"{len(values)} values for {len(self)} items."
                )
            columns[name] = column = _as_column(values)
            if column.ndim != 1 or column.dtype.kind not in "OTUSiu":
                raise ValueError(
                    f"Attribute {name!r} must be strings [items]. Received: dtype "
                    f"{column.dtype} of shape {column.shape}."
                )
            if (row := _first_stranger(column)) is not None:
                raise ValueError(
                    f"Attribute {name!r} must be strings, '' where an item lacks it. "
                    f"Received: {column[row]!r} of item {str(self.item_ids[row])!r}."
                )
        object.__setattr__(self, "attributes", columns)

    def __len__(self) -> int:
        return len(self.item_ids)

    def rows(self, item_ids: npt.ArrayLike) -> np.ndarray:
        """Row of each item id, int64.

        Raises:
          ValueError: if an id is not in the catalogue, or the catalogue has one twice.
        """
        rows = IdentifierIndex(self.item_ids, "catalogue item ids").rows(item_ids)
        missing = np.unique(as_identifiers(item_ids, "item ids")[rows < 0])
        if missing.size:
            raise ValueError(
                f"{missing.size} item ids of the interactions are missing from the "
                f"catalogue of {len(self)} items: {preview(missing)}."
            )
        return rows


@dataclasses.dataclass(frozen=True)
class Interactions:
    """An interaction log.

    Attributes:
      user_ids: strings, [rows].
      item_ids: strings, [rows].
      timestamps: int64 seconds since 1970, [rows].
      ratings: float32, [rows], in the units of the source; None where it has none.
      clicks: bool, [rows], or numbers 0 and 1: was the item clicked where it was shown?
        None where the source does not say.

    Raises:
      ValueError: if columns differ in length, ids are no strings or integers, times no
        integers, ratings not finite, or clicks neither 0 nor 1. It names the first such
        row.
    """

    user_ids: np.ndarray
    item_ids: np.ndarray
    timestamps: np.ndarray
    ratings: np.ndarray | None
    clicks: np.ndarray | None = None

    def __post_init__(self) -> None:
        lengths = {
            field.name: len(column)
            for field in dataclasses.fields(self)
            if (column := getattr(self, field.name)) is not None
        }
        if len(set(lengths.values())) != 1:
            raise ValueError(f"Columns must be equally long. Received: {lengths}.")
        for name in ("user_ids", "item_ids"):
            column = _as_column(getattr(self, name))
            if (row := _first_stranger(column)) is not None:
                raise ValueError(
                    f"{name} must be strings or integers. Received: {column[row]!r} "
                    f"in row {row}."
                )
            object.__setattr__(self, name, as_identifiers(column, name))
        object.__setattr__(self, "timestamps", _as_seconds(self.timestamps))
        if self.ratings is not None:
            object.__setattr__(self, "ratings", _as_ratings(self.ratings))
        if self.clicks is not None:
            object.__setattr__(self, "clicks", _as_clicks(self.clicks))

    def __len__(self) -> int:
        return len(self.user_ids)

    def take(self, rows: np.ndarray) -> "Interactions":
        """The interactions at `rows` (integers or a mask), in that order."""
        return Interactions(
            self.user_ids[rows],
            self.item_ids[rows],
            self.timestamps[rows],
            None if self.ratings is None else self.ratings[rows],
            None if self.clicks is None else self.clicks[rows],
        )


def _as_column(values: npt.ArrayLike) -> np.ndarray:
    # NumPy would write a None or NaN in a list of strings as one more string.
    return np.asarray(values, object if isinstance(values, list | tuple) else None)


def _first_stranger(column: np.ndarray) -> int | None:
    """Row of the first object that is neither string nor integer, if there is one."""
    if column.dtype != object:
        return None
    identifiers = (str, bytes, int, np.integer)
    return next(
        (
            row
            for row, value in enumerate(column.tolist())
            if not isinstance(value, identifiers) or isinstance(value, bool)
        ),
        None,
    )


def _as_seconds(timestamps: npt.ArrayLike) -> np.ndarray:
    times = np.asarray(timestamps)
    if times.size and times.dtype.kind not in "iu":
        row = _first_missing(times)
        raise ValueError(
            "timestamps must be integers, seconds since 1970. Received: "
            f"{times[row]!r} in row {row}, dtype {times.dtype}. Drop the rows without "
            "a time, and convert the others."
        )
    return times


def _as_ratings(ratings: npt.ArrayLike) -> np.ndarray:
    values = np.asarray(ratings)
    if values.dtype.kind not in "fiu":
        values = values.astype(np.float32)  # the NaN of a None
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise ValueError(
            f"ratings must be finite. Received: {values[row]} in row {row}. Drop the "
            "rows without a rating, or give None for ratings if no row has one."
        )
    return values


def _as_clicks(clicks: npt.ArrayLike) -> np.ndarray:
    values = np.asarray(clicks)
    is_click = values == 1
    if not (is_good := np.asarray(is_click | (values == 0))).all():
        row = int(np.argmin(is_good))
        raise ValueError(
            f"clicks must be 0 or 1. Received: {values[row]!r} in row {row}."
        )
    return is_click


def _first_missing(values: np.ndarray) -> int:
    """Row of the first None, NaN or NaT; 0 without any."""
    missing: list[Any] = values.tolist()
    return next((row for row, v in enumerate(missing) if v is None or v != v), 0)
