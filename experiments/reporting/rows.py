"""Reads the rows of a folder of results."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# What tells the configurations of rankers apart; other rows are shown as they are.
RANKER_KEYS = (
    *("dataset", "protocol", "split", "model"),
    *("method", "num_codes", "fusion", "variant"),
)
# Names the suites of a search of settings, whose candidates have equal configurations.
SEARCH_PREFIX = "search_"
Row = Mapping[str, Any]


class RowsError(ValueError):
    """A file of results cannot be read."""


def read_rows(path: Path) -> list[Row]:
    """The rows of a results.jsonl, one JSON object a line.

    Raises:
      RowsError: if a line is none, or the rows of rankers are mixed with others.
    """
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            row = error
        if not isinstance(row, dict):
            raise RowsError(
                f"Each line of {path} must be a JSON object, one run. Received: line "
                f"{number}, {line[:60]!r}. Remove it; what made the file makes it anew."
            )
        rows.append(row)
    of_rankers = [row for row in rows if is_of_ranker(row)]
    if of_rankers and len(of_rankers) < len(rows):
        raise RowsError(
            f"The rows of {path} must be all of rankers, or none, those with "
            f"{[*RANKER_KEYS, 'seed']}. Received: {len(of_rankers)} of {len(rows)}."
        )
    return rows


def is_of_ranker(row: Row) -> bool:
    """Is it a run of a ranker, and not of an indexer, say?"""
    return all(key in row for key in (*RANKER_KEYS, "seed"))


def folders_of(results: Path) -> list[Path]:
    """The folders of `results` that have rows, by name.

    Raises:
      RowsError: if there are none.
    """
    found = sorted(path.parent for path in results.glob("*/results.jsonl"))
    if not found:
        raise RowsError(
            f"{results} must hold folders with a results.jsonl, such as "
            "table1/results.jsonl. Received: none. `python -m experiments.reproduce` "
            "writes them, to <workdir>/suites: name that folder."
        )
    return found


def rows_under(results: Path) -> list[Row]:
    """The rows of all folders of `results`, and of parts of suites in them.

    Raises:
      RowsError: if there are none, or they cannot be read.
    """
    parts = sorted(results.glob("*/parts/*/results.jsonl"))
    whole = sorted(results.glob("*/results.jsonl"))
    if not parts and not whole:
        folders_of(results)  # says so
    return [row for path in (*whole, *parts) for row in read_rows(path)]


def scalar_columns(rows: Sequence[Row]) -> list[str]:
    """The keys, in the order of first occurrence, that have a single value a row.

    Digests are left out, which tell people nothing.
    """
    columns = dict.fromkeys(key for row in rows for key in row)
    return [
        key
        for key in columns
        if not key.endswith("sha256")
        and not any(isinstance(row.get(key), dict | list) for row in rows)
    ]
