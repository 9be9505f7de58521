"""The codes of a catalogue: the only bridge from indexing to ranking."""

import hashlib
import os
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from moc_tf._artefact import plain_json, read_artefact, write_artefact
from moc_tf.identifiers import IdentifierIndex, as_identifiers, preview

_KIND = "code_table"
_NO_CODE = -1


class UnknownItemError(ValueError):
    """Codes were asked for of an item that the table does not hold."""


class CodeTable:
    """Item id -> N codes, with a manifest that says what made them. Immutable.

    Example:
      >>> table = CodeTable(["a", "b"], [[0, 3], [2, 1]], codebook_size=4)
      >>> table.lookup(["b", "a", "b"]).tolist()
      [[2, 1], [0, 3], [2, 1]]

    Args:
      item_ids: unique strings, bytes or integers, [items]; kept as strings.
      codes: integers in [0, codebook_size), [items, N].
      codebook_size: K, different values of a code.
      manifest: what made the codes: method, configuration, seed, versions, checksum
        of the vectors, quality figures. Values that JSON keeps.

    Raises:
      ValueError: if any of these does not hold, naming the first offender.
    """

    def __init__(
        self,
        item_ids: npt.ArrayLike,
        codes: npt.ArrayLike,
        codebook_size: int,
        manifest: Mapping[str, Any] | None = None,
    ):
        ids = np.array(as_identifiers(item_ids, "item_ids"))
        self._index = IdentifierIndex(ids, "item_ids")
        self._item_ids = _frozen(ids)
        self._codebook_size = _as_codebook_size(codebook_size)
        self._codes = _frozen(_as_codes(codes, ids, self._codebook_size))
        self._manifest: dict[str, Any] = plain_json(manifest or {}, "manifest")

    @property
    def item_ids(self) -> np.ndarray:
        """Strings, [items], read-only."""
        return self._item_ids

    @property
    def codes(self) -> np.ndarray:
        """int32 [items, N], read-only."""
        return self._codes

    @property
    def num_codebooks(self) -> int:
        """N, codes of an item."""
        return self._codes.shape[1]

    @property
    def codebook_size(self) -> int:
        """K, different values of a code."""
        return self._codebook_size

    @property
    def manifest(self) -> dict[str, Any]:
        """What made the codes; a copy."""
        return plain_json(self._manifest, "manifest")

    def __len__(self) -> int:
        return len(self._item_ids)

    def __repr__(self) -> str:
        return (
            f"CodeTable({len(self)} items, num_codebooks={self.num_codebooks}, "
            f"codebook_size={self.codebook_size}, "
            f"method={self._manifest.get('method')!r})"
        )

    def sha256(self) -> str:
        """Checksum of the item ids, their codes and K, but not of the manifest."""
        digest = hashlib.sha256(f"{self._codebook_size} {self._codes.shape}\n".encode())
        digest.update("\n".join(self._item_ids.tolist()).encode())
        digest.update(np.ascontiguousarray(self._codes, "<i4").tobytes())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CodeTable):
            return NotImplemented
        return (
            np.array_equal(self._item_ids, other._item_ids)
            and np.array_equal(self._codes, other._codes)
            and self._codebook_size == other._codebook_size
            and self._manifest == other._manifest
        )

    def lookup(
        self,
        item_ids: npt.ArrayLike,
        missing: Literal["error", "unknown"] = "error",
    ) -> np.ndarray:
        """Codes of items, in the order asked for.

        Args:
          item_ids: strings, bytes or integers, [rows], repeated at will.
          missing: for an item that the table lacks, "error" raises, "unknown" gives
            a row of -1, which rankers embed as "no code".

        Returns:
          int32 [rows, N].

        Raises:
          UnknownItemError: if an item is not in the table and `missing` is "error".
        """
        if missing not in ("error", "unknown"):
            raise ValueError(
                f"missing must be 'error' or 'unknown'. Received: {missing!r}."
            )
        wanted = as_identifiers(item_ids, "item_ids")
        rows = self._index.rows(wanted)
        absent = rows < 0
        if missing == "error" and absent.any():
            unknown = np.unique(wanted[absent])
            raise UnknownItemError(
                f"{len(unknown)} item ids are not in the code table of {len(self)} "
                f"items. Received: {preview(unknown)}. Encode their vectors with the "
                "indexer that made this table, or pass missing='unknown' to treat "
                "them as items without codes."
            )
        codes = np.full((len(rows), self.num_codebooks), _NO_CODE, np.int32)
        codes[~absent] = self._codes[rows[~absent]]
        return codes

    def shuffled(self, seed: int) -> "CodeTable":
        """The same rows of codes, dealt out to the items at random.

        This is the control that keeps everything about the codes but what they say
        about items: a ranker that gains as much from it gained capacity, not
        meaning. The manifest lists the seed under "shuffled_seeds".
        """
        order = np.random.default_rng(seed).permutation(len(self))
        seeds = [*self._manifest.get("shuffled_seeds", []), seed]
        manifest = {**self._manifest, "shuffled_seeds": seeds}
        return CodeTable(
            self._item_ids, self._codes[order], self._codebook_size, manifest
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the table to the folder `path`, replacing a code table there.

        Raises:
          ValueError: if `path` holds anything else.
        """
        write_artefact(
            path,
            _KIND,
            {"item_ids": self._item_ids, "codes": self._codes},
            {"codebook_size": self._codebook_size, "made_by": self._manifest},
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "CodeTable":
        """Reads the table that `save` wrote, and verifies it.

        Raises:
          ValueError: if `path` holds no code table, or a damaged one.
        """
        arrays, manifest = read_artefact(path, _KIND)
        return cls(
            arrays["item_ids"],
            arrays["codes"],
            manifest["codebook_size"],
            manifest["made_by"],
        )


def _as_codebook_size(value: int) -> int:
    integral = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not integral or not 1 <= value <= np.iinfo(np.int32).max:
        raise ValueError(
            "codebook_size must be an integer of at least 1 that int32 holds. "
            f"Received: {value!r}."
        )
    return int(value)


def _as_codes(
    values: npt.ArrayLike, item_ids: np.ndarray, codebook_size: int
) -> np.ndarray:
    codes = np.asarray(values)
    if codes.ndim != 2 or codes.shape[1] < 1:
        raise ValueError(
            "codes must have shape [items, num_codebooks], with at least one "
            f"codebook. Received: shape {codes.shape}."
        )
    if codes.dtype.kind not in "iu":
        raise ValueError(f"codes must be integers. Received: dtype {codes.dtype}.")
    if len(codes) != len(item_ids):
        raise ValueError(
            f"codes must have one row an item. Received: {len(codes)} rows for "
            f"{len(item_ids)} item_ids."
        )
    outside = np.argwhere((codes < 0) | (codes >= codebook_size))
    if outside.size:
        row, codebook = outside[0]
        raise ValueError(
            f"codes must lie in [0, {codebook_size}), the codebook_size. Received: "
            f"{codes[row, codebook]} for item {str(item_ids[row])!r} in codebook "
            f"{codebook}, and {len(outside) - 1} more outside."
        )
    return codes.astype(np.int32)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array
