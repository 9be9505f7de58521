"""Reads items and their texts from a file of the user's own."""

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moc_tf.data.interactions import Catalogue
from moc_tf.data.record_files import (
    DataFileError,
    parse_record,
    reader_of,
    text,
    value_of,
    wrong_value,
)
from moc_tf.identifiers import IdentifierIndex, preview

_ITEM_ID = "item_id"

# Where the record stands, and the record itself.
_Records = Iterator[tuple[str, dict[str, Any]]]


def read_items(path: str | os.PathLike[str], fields: Sequence[str]) -> Catalogue:
    """Reads items and some of their text fields from one file.

    Args:
      path: a table with the column `item_id`, strings or integers, and text columns.
        By its suffix, one of

        * `.jsonl`: a JSON object a line, UTF-8; null and an absent key alike mean that
          the item lacks the field;
        * `.csv`: commas, with the names in the first line, UTF-8;
        * `.parquet`.
      fields: the columns to read, such as `TextTemplate.fields`.

    Returns:
      The items in file order, with `fields` as attributes.

    Raises:
      DataFileError: if the file is missing, of another kind, malformed, empty, lacks
        a column, has one of its name twice, something else than strings in it, or an
        item twice.
    """
    path = Path(path)
    read = reader_of(path, _READERS, "items")
    wanted = [_ITEM_ID, *fields]
    item_ids: list[str] = []
    columns: dict[str, list[str]] = {name: [] for name in fields}
    seen: set[str] = set()
    try:
        for where, record in read(path, wanted):
            try:
                item_ids.append(_item_id(record))
                for name, column in columns.items():
                    column.append(text(record, name))
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from error
            seen.update(record)
        if not item_ids:
            raise ValueError("there are no items. Expected: one record an item.")
        _check_columns(wanted, seen)
        IdentifierIndex(item_ids, "item ids")  # raises if one occurs twice
    except (ValueError, csv.Error) as error:
        raise DataFileError(f"{path}: {error}") from error
    return Catalogue(
        np.array(item_ids),
        # Not of fixed width, which would pad every text to the longest.
        {name: np.array(c, np.dtypes.StringDType()) for name, c in columns.items()},
    )


def _item_id(record: dict[str, Any]) -> str:
    value = value_of(record, _ITEM_ID)
    if type(value) not in (str, int) or value == "":
        raise wrong_value(_ITEM_ID, "an integer or a string that is not empty", value)
    return str(value)


def _check_columns(wanted: Sequence[str], present: Sequence[str] | set[str]) -> None:
    if twice := [name for name in wanted if list(present).count(name) > 1]:
        raise ValueError(
            f"columns must have different names. Received more than once: "
            f"{preview(twice)}. Rename or remove all but one."
        )
    if missing := [name for name in wanted if name not in present]:
        raise ValueError(
            f"no item has {preview(missing)}. Expected: {preview(wanted, limit=20)}. "
            f"Received: {preview(sorted(present), limit=20)}. Is a field of the "
            "template misspelt?"
        )


def _read_jsonl(path: Path, wanted: Sequence[str]) -> _Records:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            where = f"line {number}"
            try:
                record = parse_record(json.loads, "a JSON object", line.decode())
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from error
            yield where, record


def _read_csv(path: Path, wanted: Sequence[str]) -> _Records:
    # Spreadsheets open UTF-8 with a mark that is no part of the first name.
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines, strict=True)
        _check_columns(wanted, rows.fieldnames or ())
        for row in rows:
            where = f"line {rows.line_num}"
            if None in row or None in row.values():
                raise ValueError(
                    f"{where}: the row that ends here must have one value for each of "
                    f"the {len(rows.fieldnames or ())} names in the first line."
                )
            yield where, row


def _read_parquet(path: Path, wanted: Sequence[str]) -> _Records:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as table:
        _check_columns(wanted, table.schema_arrow.names)
        row = 0
        for batch in table.iter_batches(columns=list(wanted)):
            for record in batch.to_pylist():
                yield f"row {row} (from 0)", record
                row += 1


_READERS: Mapping[str, Callable[[Path, Sequence[str]], _Records]] = {
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
