"""The interaction log and the catalogue it speaks of, as columns."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from moc_tf.identifiers import IdentifierIndex, as_identifiers, preview


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """Items and their attributes.

    Attributes:
      item_ids: unique strings, [items].
      attributes: name -> strings, [items]; "" where an item lacks the attribute.
    """

    item_ids: np.ndarray
    attributes: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        object.__setattr__(self, "item_ids", as_identifiers(self.item_ids, "item ids"))
        for name, values in self.attributes.items():
            if len(values) != len(self):
                raise ValueError(
                    f"Attribute {name!r} must have one value an item. Received: "
                    f"{len(values)} values for {len(self)} items."
                )

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
    """

    user_ids: np.ndarray
    item_ids: np.ndarray
    timestamps: np.ndarray
    ratings: np.ndarray | None

    def __post_init__(self) -> None:
        lengths = {
            field.name: len(column)
            for field in dataclasses.fields(self)
            if (column := getattr(self, field.name)) is not None
        }
        if len(set(lengths.values())) != 1:
            raise ValueError(f"Columns must be equally long. Received: {lengths}.")

    def __len__(self) -> int:
        return len(self.user_ids)

    def take(self, rows: np.ndarray) -> "Interactions":
        """The interactions at `rows` (integers or a mask), in that order."""
        return Interactions(
            self.user_ids[rows],
            self.item_ids[rows],
            self.timestamps[rows],
            None if self.ratings is None else self.ratings[rows],
        )
