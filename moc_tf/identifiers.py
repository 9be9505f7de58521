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
      ValueError: if they are not one-dimensional or of another type, or if one has a
        NUL, which NumPy drops at the end of a string, or a lone surrogate, of which
        there is no UTF-8.
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
        array = array.astype(str)  # as wide as the longest that there could be
        array = array.astype(f"U{np.strings.str_len(array).max(initial=1)}")
    if array.dtype.kind != "U":
        raise ValueError(
            f"{what} must be strings or integers. Received: dtype {array.dtype}."
        )
    _check_characters(array, what)
    return array


def _as_identifier(value: Any, what: str) -> str:
    if isinstance(value, bytes):
        value = value.decode()
    if not isinstance(value, str | int | np.integer) or isinstance(value, bool):
        raise ValueError(
            f"{what} must be strings or integers. Received: {value!r} of type "
            f"{type(value).__name__}."
        )
    text = str(value)
    if "\0" in text:  # at the end, no array would show it
        raise _not_kept(text, what)
    return text


def _check_characters(array: np.ndarray, what: str) -> None:
    if not array.size:
        return
    characters = np.ascontiguousarray(array).view(f"{array.dtype.byteorder}u4")
    characters = characters.reshape(len(array), -1)
    bad = (characters >= 0xD800) & (characters <= 0xDFFF)
    # NULs fill a string up, so only one before another character is its own.
    bad[:, :-1] |= (characters[:, :-1] == 0) & (characters[:, 1:] != 0)
    if bad.any():
        raise _not_kept(str(array[np.argmax(bad.any(axis=1))]), what)


def _not_kept(text: str, what: str) -> ValueError:
    return ValueError(
        f"{what} must have no NUL and no lone surrogate, which not every file and "
        f"array keeps. Received: {text!r}."
    )


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
        # The other way round, NumPy would copy all that is sorted, as wide as the
        # longest wanted. One that is cut here equals none of them.
        cut = wanted.astype(self._sorted.dtype)
        place = np.minimum(np.searchsorted(self._sorted, cut), len(self) - 1)
        found = self._sorted[place] == wanted
        return np.where(found, self._order[place], -1).astype(np.int64)
