"""The codes of a catalogue: the only bridge from indexing to ranking."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from moc_tf._artefact import plain_json
from moc_tf.code_arrays import as_codes, as_size
from moc_tf.code_provenance import check_same_indexer
from moc_tf.code_table_files import (
    StoredTable,
    check_parts_apart,
    iter_code_table,
    read_code_table,
    write_code_table,
)
from moc_tf.identifiers import IdentifierIndex, as_identifiers, preview

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
      tables_per_code: embedding tables that a ranker shall give each code: 1, but for
        Multi-Embedding, whose one code is embedded by several.

    Raises:
      ValueError: if any of these does not hold, naming the first offender.
    """

    def __init__(
        self,
        item_ids: npt.ArrayLike,
        codes: npt.ArrayLike,
        codebook_size: int,
        manifest: Mapping[str, Any] | None = None,
        tables_per_code: int = 1,
    ):
        ids = np.array(as_identifiers(item_ids, "item_ids"))
        self._index = IdentifierIndex(ids, "item_ids")
        self._item_ids = _frozen(ids)
        self._codebook_size = as_size(codebook_size, "codebook_size")
        self._tables_per_code = as_size(tables_per_code, "tables_per_code")
        self._codes = _frozen(as_codes(codes, ids, self._codebook_size))
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
    def tables_per_code(self) -> int:
        """Embedding tables that a ranker shall give each code."""
        return self._tables_per_code

    @property
    def manifest(self) -> dict[str, Any]:
        """What made the codes; a copy."""
        return plain_json(self._manifest, "manifest")

    def __len__(self) -> int:
        return len(self._item_ids)

    def __repr__(self) -> str:
        repeated = self._tables_per_code != 1
        tables = f"tables_per_code={self._tables_per_code}, " if repeated else ""
        return (
            f"CodeTable({len(self)} items, num_codebooks={self.num_codebooks}, "
            f"codebook_size={self.codebook_size}, {tables}"
            f"method={self._manifest.get('method')!r})"
        )

    def sha256(self) -> str:
        """Checksum of ids, codes, K and tables a code, but not of the manifest."""
        ids = self._item_ids.tolist()
        # A line break inside an id would pass for one between two.
        as_json = any("\n" in item_id for item_id in ids)
        digest = hashlib.sha256(b"ids as JSON\n" if as_json else b"")
        digest.update(f"{self._codebook_size} {self._codes.shape}\n".encode())
        if self._tables_per_code != 1:
            digest.update(f"{self._tables_per_code} tables a code\n".encode())
        digest.update((json.dumps(ids) if as_json else "\n".join(ids)).encode())
        digest.update(np.ascontiguousarray(self._codes, "<i4").tobytes())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CodeTable):
            return NotImplemented
        return (
            np.array_equal(self._item_ids, other._item_ids)
            and np.array_equal(self._codes, other._codes)
            and self._codebook_size == other._codebook_size
            and self._tables_per_code == other._tables_per_code
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
        return self._with(self._item_ids, self._codes[order], manifest)

    def extend(
        self,
        item_ids: npt.ArrayLike,
        codes: npt.ArrayLike,
        manifest: Mapping[str, Any] | None = None,
    ) -> "CodeTable":
        """This table and new items after its own, whose rows stay as they are.

        Items that are in the table already are left out if they come with the same
        codes, so that an extension can be repeated. The manifest lists an extension
        under "extensions", with the number of items added and what made their codes.

        Args:
          item_ids: unique strings, bytes or integers, [items].
          codes: integers in [0, codebook_size), [items, N].
          manifest: what made the new codes, such as `Indexer.describe()` and
            "indexer_sha256", the checksum of the saved indexer. It must not
            contradict this table's manifest.

        Returns:
          The extended table; this one if there is nothing to add.

        Raises:
          ValueError: if an item has other codes in the table, if the manifests tell
            of different indexers, if the table is shuffled, or as the constructor.
        """
        if "shuffled_seeds" in self._manifest:
            raise ValueError(
                "The codes of a shuffled table say nothing about its items, and those "
                "of new items would. Received: a table with shuffled_seeds "
                f"{self._manifest['shuffled_seeds']}. Extend the table that was "
                "shuffled, then shuffle it."
            )
        new = self._with(item_ids, codes, manifest or {})
        if new.num_codebooks != self.num_codebooks:
            raise ValueError(
                f"The new codes must have as many codebooks as the table, "
                f"{self.num_codebooks}. Received: {new.num_codebooks}. Were they made "
                "by another indexer?"
            )
        earlier = [e["made_by"] for e in self._manifest.get("extensions", [])]
        check_same_indexer([self._manifest, *earlier], new._manifest)
        rows = self._index.rows(new._item_ids)
        known = rows >= 0
        other = (self._codes[rows[known]] != new._codes[known]).any(axis=1)
        if other.any():
            raise ValueError(
                f"{other.sum()} items are in the table of {len(self)} already, with "
                f"other codes. Received: {preview(new._item_ids[known][other])}. Old "
                "rows are never changed, for rankers have learned them: leave these "
                "items out, or make a new table."
            )
        if known.all():
            return self
        extension = {"items": int((~known).sum()), "made_by": new._manifest}
        extensions = [*self._manifest.get("extensions", []), extension]
        return self._with(
            np.concatenate([self._item_ids, new._item_ids[~known]]),
            np.concatenate([self._codes, new._codes[~known]]),
            {**self._manifest, "extensions": extensions},
        )

    def _with(
        self, item_ids: npt.ArrayLike, codes: npt.ArrayLike, manifest: Mapping[str, Any]
    ) -> "CodeTable":
        """A table of other rows, that is used as this one."""
        return CodeTable(
            item_ids, codes, self._codebook_size, manifest, self._tables_per_code
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the table to the folder `path`, replacing a code table there.

        Raises:
          ValueError: if `path` holds anything else.
        """
        stored = StoredTable(
            self._item_ids,
            self._codes,
            self._codebook_size,
            self._manifest,
            self._tables_per_code,
        )
        write_code_table(path, stored)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "CodeTable":
        """Reads the table that `save` wrote, or one in parts, and verifies it.

        The rows of a table in parts are concatenated in the order of the parts, which
        the manifest lists under "parts".

        Raises:
          ValueError: if `path` holds no code table, or a damaged one, or if an item
            is in several parts.
        """
        stored = read_code_table(path)
        try:
            return cls(*stored)
        except ValueError:
            check_parts_apart(path)  # if they are not, it says which
            raise

    @classmethod
    def iter_parts(cls, path: str | os.PathLike[str]) -> Iterator["CodeTable"]:
        """Reads a table in parts one part at a time, for one that exceeds the memory.

        Whether an item is in several parts, only `load` tells.

        Args:
          path: folder of a table in parts; a table that is not divided is one part.

        Raises:
          ValueError: if `path` holds no code table, or when a part is damaged.
        """
        for stored in iter_code_table(path):
            yield cls(*stored)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array
