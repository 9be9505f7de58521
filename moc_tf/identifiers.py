"""Finds rows by identifier, for item ids, user ids and attribute values alike."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def as_identifiers(values: npt.ArrayLike, what: str) -> np.ndarray:
    """Returns `values` as a one-dimensional array of strings.

    Args:
      values: identifiers, [rows], of strings, bytes (UTF-8) or integers.
      what: what they are, for the error message, such as "item ids".

    Raises:
      ValueError: if they are not one-dimensional or of another type.
    """
    # A list goes in as objects, for NumPy would write the NaN of a missing value as
    # the identifier "nan".
    array = np.asarray(values, object if isinstance(values, list | tuple) else None)
    if array.ndim != 1:
        raise ValueError(
            f"{what} must be one-dimensional. Received: shape {array.shape}."
        )
    if array.dtype.kind in "OT":
        array = np.array([_as_identifier(value, what) for value in array.tolist()])
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    if array.dtype.kind in "iu" or array.size == 0:
        array = array.astype(str)
    if array.dtype.kind != "U":
        raise ValueError(
            f"{what} must be strings or integers. Received: dtype {array.dtype}."
        )
    return array


def _as_identifier(value: Any, what: str) -> str:
    if isinstance(value, bytes):
        return value.decode()
    if not isinstance(value, str | int | np.integer) or isinstance(value, bool):
        raise ValueError(
            f"{what} must be strings or integers. Received: {value!r} of type "
            f"{type(value).__name__}."
        )
    return str(value)


def preview(values: Sequence | np.ndarray, limit: int = 5) -> str:
    """The first few of `values`, for an error message."""
    shown = ", ".join(repr(str(v)) for v in values[:limit])
    return shown + (f" and {len(values) - limit} more" if len(values) > limit else "")


class IdentifierIndex:
    """Rows of unique identifiers.

    Args:
      identifiers: strings, [rows], all different.
      what: what they are, for error messages, such as "item ids".

    Raises:
      ValueError: if an identifier occurs twice.
    """

    def __init__(self, identifiers: npt.ArrayLike, what: str):
        self._identifiers = as_identifiers(identifiers, what)
        self._order = np.argsort(self._identifiers, kind="stable")
        self._sorted = self._identifiers[self._order]
        repeated = self._sorted[1:][self._sorted[1:] == self._sorted[:-1]]
        if repeated.size:
            raise ValueError(
                f"{what} must be unique. Received more than once: "
                f"{preview(np.unique(repeated))}."
            )

    def __len__(self) -> int:
        return len(self._identifiers)

    def rows(self, identifiers: npt.ArrayLike) -> np.ndarray:
        """Row of each identifier, int64 of the same length; -1 for an unknown one."""
        wanted = as_identifiers(identifiers, "identifiers")
        if not len(self):
            return np.full(len(wanted), -1, np.int64)
        place = np.minimum(np.searchsorted(self._sorted, wanted), len(self) - 1)
        found = self._sorted[place] == wanted
        return np.where(found, self._order[place], -1).astype(np.int64)
