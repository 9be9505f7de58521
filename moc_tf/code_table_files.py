"""How a code table lies on disk, whole or in parts."""

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from moc_tf._artefact import read_artefact, read_header, write_artefact
from moc_tf.code_table_parts import (
    CODE_TABLE_KIND,
    CODE_TABLE_PARTS_KIND,
    check_items_apart,
    part_folders,
)


class StoredTable(NamedTuple):
    """What is kept of a code table, as its constructor takes it.

    Attributes:
      item_ids: strings, [items].
      codes: int32 [items, N].
      codebook_size: K.
      manifest: what made the codes.
      tables_per_code: embedding tables that a ranker shall give each code.
    """

    item_ids: np.ndarray
    codes: np.ndarray
    codebook_size: int
    manifest: Mapping[str, Any]
    tables_per_code: int


def write_code_table(path: str | os.PathLike[str], table: StoredTable) -> None:
    """Writes `table` to the folder `path`, replacing a code table there.

    Raises:
      ArtefactError: if `path` holds anything else.
    """
    write_artefact(
        path,
        CODE_TABLE_KIND,
        {"item_ids": table.item_ids, "codes": table.codes},
        {
            "codebook_size": table.codebook_size,
            "tables_per_code": table.tables_per_code,
            "made_by": table.manifest,
        },
    )


def read_code_table(path: str | os.PathLike[str]) -> StoredTable:
    """Reads a table and verifies it; the rows of one in parts are concatenated.

    Whether an item is in several parts, it does not tell; see `check_parts_apart`.

    Raises:
      ArtefactError: if `path` holds no code table, or a damaged one.
    """
    header = read_header(path, CODE_TABLE_KIND, CODE_TABLE_PARTS_KIND)
    if header.kind == CODE_TABLE_PARTS_KIND:
        parts = list(iter_code_table(path))
        made_by = {**header.manifest["made_by"], "parts": header.manifest["parts"]}
        return StoredTable(
            np.concatenate([part.item_ids for part in parts]),
            np.concatenate([part.codes for part in parts]),
            header.manifest["codebook_size"],
            made_by,
            header.manifest["tables_per_code"],
        )
    arrays, manifest = read_artefact(path, CODE_TABLE_KIND)
    return StoredTable(
        arrays["item_ids"],
        arrays["codes"],
        manifest["codebook_size"],
        manifest["made_by"],
        manifest.get("tables_per_code", 1),
    )


def iter_code_table(path: str | os.PathLike[str]) -> Iterator[StoredTable]:
    """Reads a table in parts one part at a time; one that is not divided is one part.

    Raises:
      ArtefactError: if `path` holds no code table, or when a part is damaged.
    """
    header = read_header(path, CODE_TABLE_KIND, CODE_TABLE_PARTS_KIND)
    divided = header.kind == CODE_TABLE_PARTS_KIND
    for folder in part_folders(path) if divided else [path]:
        yield read_code_table(folder)


def check_parts_apart(path: str | os.PathLike[str]) -> None:
    """Raises ArtefactError if `path` is a table in parts with an item in several."""
    header = read_header(path, CODE_TABLE_KIND, CODE_TABLE_PARTS_KIND)
    if header.kind == CODE_TABLE_PARTS_KIND:
        names = [part["name"] for part in header.manifest["parts"]]
        ids = [part.item_ids for part in iter_code_table(path)]
        check_items_apart(path, list(zip(names, ids, strict=True)))
