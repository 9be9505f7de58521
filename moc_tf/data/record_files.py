"""Files of records, and errors that name file and line."""

import gzip
import io
import os
import reprlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from moc_tf.identifiers import preview

Reader = TypeVar("Reader")

_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 80


class DataFileError(ValueError):
    """A data file is missing, damaged, or holds something unexpected."""


def reader_of(path: Path, readers: Mapping[str, Reader], what: str) -> Reader:
    """The one of `readers`, by suffix, for the file `path`, which holds `what`.

    Raises:
      DataFileError: if there is none, or no such file.
    """
    if path.suffix not in readers:
        raise DataFileError(
            f"A file of {what} must be one of {', '.join(readers)}. Received: "
            f"{str(path)!r}."
        )
    if not path.is_file():
        raise DataFileError(f"There is no file {path}.")
    return readers[path.suffix]


def check_presence(folder: Path, names: Sequence[str]) -> None:
    """Raises DataFileError unless `folder` has a file of each of the `names`."""
    missing = [name for name in names if not (folder / name).is_file()]
    if not missing:
        return
    if folder.is_dir():
        found = sorted(entry.name for entry in folder.iterdir())
        holds = f"holds {preview(found, limit=10)}" if found else "is empty"
    else:
        holds = "does not exist"
    raise DataFileError(
        f"{preview(missing)} not found in the folder {folder}. Expected there: "
        f"{preview(names)}. The folder {holds}. Give the folder with the gzip files "
        "of the Amazon 2014 release."
    )


def each_line(path: str | os.PathLike[str], read: Callable[[str], None]) -> None:
    """Calls `read` on each line, and tells its ValueErrors with file and line."""
    path = Path(path)
    check_presence(path.parent, [path.name])
    number = 0
    try:
        with io.BufferedReader(gzip.open(path)) as lines:
            for line in lines:
                number += 1
                read(line.decode())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataFileError(
            f"{path} is not a whole gzip file: reading stopped after line {number}: "
            f"{error}. Fetch the file again."
        ) from error
    except ValueError as error:
        raise DataFileError(f"{path}, line {number}: {error}") from error
    if not number:
        raise DataFileError(f"{path} has no lines. Expected: one record a line.")


def parse_record(parse: Callable[[str], Any], what: str, line: str) -> dict[str, Any]:
    """The dictionary that `line` holds; `what` names its syntax in the error."""
    try:
        record = parse(line)
    # literal_eval documents all of these for malformed input.
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(
            f"the line is not {what}: {error}. Received: {_SHOWN.repr(line)}."
        ) from error
    if not isinstance(record, dict):
        raise ValueError(f"the line is not {what}. Received: {_SHOWN.repr(line)}.")
    return record


def value_of(record: dict[str, Any], key: str) -> Any:
    """The value of `key`, which must be there."""
    if key not in record:
        raise ValueError(
            f"the key {key!r} is missing. Received: the keys {preview(list(record))}."
        )
    return record[key]


def wrong_value(key: str, expected: str, value: Any) -> ValueError:
    """The error of a `value` that is not what was `expected`."""
    return ValueError(f"{key!r} must be {expected}. Received: {_SHOWN.repr(value)}.")


def identifier(record: dict[str, Any], key: str) -> str:
    """The string of `key`, which must be there and not empty."""
    value = value_of(record, key)
    if not isinstance(value, str) or not value:
        raise wrong_value(key, "a string that is not empty", value)
    return value


def text(record: dict[str, Any], key: str) -> str:
    """The string of `key`; "" where it is absent or None."""
    value = record.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise wrong_value(key, "a string", value)
    return value
