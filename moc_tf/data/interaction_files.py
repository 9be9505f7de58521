"""Reads an interaction log from a file of the user's own."""

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moc_tf.data.interactions import Interactions
from moc_tf.data.record_files import DataFileError, reader_of
from moc_tf.identifiers import as_identifiers, preview

_NEEDED = ("user_id", "item_id", "timestamp")
_LABELS = ("rating", "click")


def read_interactions(path: str | os.PathLike[str]) -> Interactions:
    """Reads an interaction log from one file.

    Args:
      path: a table of which these columns are read, and no others:

        * `user_id` and `item_id`, strings or integers;
        * `timestamp`, whole seconds since 1970, or points of time, of which one without
          a time zone is UTC;
        * `rating`, numbers, and `click`, 0 or 1, or true and false: one, both or none
          of them.

        By its suffix, one of

        * `.jsonl`: a JSON object a line, UTF-8;
        * `.csv`: commas, with the names in the first line, UTF-8; a point of time is
          written as in ISO 8601;
        * `.parquet`.

    Returns:
      The interactions in file order; points of time become seconds.

    Raises:
      DataFileError: if the file is missing, of another kind, malformed, empty, lacks a
        column or has one twice, or a value is missing or of another type.
    """
    path = Path(path)
    read = reader_of(path, _READERS, "interactions")
    try:
        table = read(path)
        if not table.num_rows:
            raise ValueError("there are no interactions. Expected: one a row.")
        columns = {name: _column(table, name) for name in table.column_names}
        return Interactions(
            _identifiers(columns["user_id"], "user_id"),
            _identifiers(columns["item_id"], "item_id"),
            _seconds(columns["timestamp"]),
            _numbers(columns.get("rating"), "rating"),
            _numbers(columns.get("click"), "click"),
        )
    except (ValueError, csv.Error) as error:  # what Arrow finds malformed is the former
        raise DataFileError(f"{path}: {error}") from error


def _present(names: Sequence[str]) -> list[str]:
    """The columns to read of those that a file has."""
    wanted = (*_NEEDED, *_LABELS)
    if twice := [name for name in wanted if list(names).count(name) > 1]:
        raise ValueError(
            "columns must have different names. Received more than once: "
            f"{preview(twice)}. Rename or remove all but one."
        )
    if missing := [name for name in _NEEDED if name not in names]:
        raise ValueError(
            f"there is no column {preview(missing)}. Expected: {preview(_NEEDED)}, and "
            f"'rating' or 'click' where there is one. Received: "
            f"{preview(list(names), limit=20) or 'none'}."
        )
    return [name for name in wanted if name in names]


def _read_csv(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    # Spreadsheets open UTF-8 with a mark that is no part of the first name.
    with path.open(encoding="utf-8-sig", newline="") as lines:
        names = next(csv.reader(lines, strict=True), [])
    convert = pa_csv.ConvertOptions(
        include_columns=_present(names),
        # Identifiers of digits alone are text too: 007 is not 7.
        column_types={"user_id": pa.string(), "item_id": pa.string()},
    )
    return pa_csv.read_csv(path, convert_options=convert)


def _read_jsonl(path: Path) -> Any:
    import pyarrow.json as pa_json

    if not path.stat().st_size:
        raise ValueError("there are no interactions. Expected: one a row.")
    table = pa_json.read_json(path)
    return table.select(_present(table.column_names))


def _read_parquet(path: Path) -> Any:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as table:
        return table.read(columns=_present(table.schema_arrow.names))


def _column(table: Any, name: str) -> Any:
    """A column of an Arrow table, in which no value may be missing."""
    import pyarrow.compute as pc

    column = table[name].combine_chunks()
    if column.null_count:
        row = pc.index(pc.is_null(column), True).as_py()
        raise ValueError(
            f"{name!r} has no value in row {row} (from 0). Drop such rows, or the "
            "column if it is not needed."
        )
    return column


def _identifiers(column: Any, name: str) -> np.ndarray:
    import pyarrow as pa

    kind = column.type
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer)
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if not any(is_kind(kind) for is_kind in kinds):
        raise ValueError(f"{name!r} must be strings or integers. Received: {kind}.")
    encoded = column.dictionary_encode()  # so that Python sees each of them once
    names = as_identifiers(encoded.dictionary.to_pylist(), name)
    rows = encoded.indices.to_numpy()
    if (names == "").any():
        row = int(np.argmax(names[rows] == ""))
        raise ValueError(f"{name!r} is empty in row {row} (from 0). Drop such rows.")
    return names[rows]


def _seconds(column: Any) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_integer(column.type):
        return column.to_numpy()
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        raise ValueError(
            "'timestamp' must be whole seconds since 1970 or points of time. Received: "
            f"{column.type}, {column[0].as_py()!r} in row 0."
        )
    seconds = pc.cast(column, pa.timestamp("s"), safe=False)  # drops what is finer
    return pc.cast(seconds, pa.int64()).to_numpy()


def _numbers(column: Any, name: str) -> np.ndarray | None:
    import pyarrow as pa

    if column is None:
        return None
    kinds = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating)
    if not any(is_kind(column.type) for is_kind in kinds):
        raise ValueError(
            f"{name!r} must be numbers. Received: {column.type}, "
            f"{column[0].as_py()!r} in row 0."
        )
    return column.to_numpy(zero_copy_only=False)


_READERS: Mapping[str, Callable[[Path], Any]] = {
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
