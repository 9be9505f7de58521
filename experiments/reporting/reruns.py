"""Cells that were run again, beside those of the committed rows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.reporting.rows import RANKER_KEYS, Row, is_of_ranker
from moc_tf.evaluation import Interval, format_table, mean_interval

_CHANCE = """\
Inside: is the mean of the runs again within the 95 % interval of the first? A fresh
sample of five seeds of the same distribution is in seven of eight cases. Difference: of
the means, again less first. Same seeds: how many runs have the same number to the last
digit, as on one machine they have."""


class RerunError(ValueError):
    """The rows cannot be compared."""


def rerun_table(again: Sequence[Row], first: Sequence[Row], metric: str = "auc") -> str:
    """A line for each cell of `again`, and how many are inside `first`'s intervals.

    Args:
      again: rows of rankers.
      first: the same, of any suites; a run that several suites have counts once.
      metric: a number of the rows.

    Returns:
      Text.

    Raises:
      RerunError: if rows are not of rankers, are of other data, or have no such
        metric; or no cell of `again` is among those of `first` with two seeds or more.
    """
    for rows in (again, first):
        if not rows or not all(map(is_of_ranker, rows)):
            raise RerunError("The rows must be of rankers, as those of table1 are.")
    cells = _cells(again, metric)
    known = _cells([row for row in first if _cell(row) in cells], metric)
    lines, inside, unknown = [], 0, 0
    for cell, found in cells.items():
        if len(known.get(cell, ())) < 2:
            unknown += 1
            continue
        _check_data(cell, again, first)
        old = mean_interval(list(known[cell].values()))
        new = mean_interval(list(found.values()))
        is_inside = old.low <= new.mean <= old.high
        inside += is_inside
        same = sum(known[cell].get(seed) == value for seed, value in found.items())
        lines.append(
            {
                **_named(cell),
                "first": _plus_minus(old),
                "again": _plus_minus(new),
                "difference": f"{new.mean - old.mean:+.4f}",
                "inside": "yes" if is_inside else "no",
                "same seeds": f"{same} of {len(found)}",
            }
        )
    if not lines:
        raise RerunError(
            "No cell that was run again is among the first ones with two seeds or "
            "more. Are its settings those of a suite, and is --results its folder?"
        )
    text = f"{metric}\n\n{format_table(lines, list(lines[0]))}\n\n"
    text += f"Inside: {inside} of {len(lines)}."
    if unknown:
        text += f" Not among the first: {unknown} more."
    return f"{text}\n\n{_CHANCE}"


def _cells(rows: Sequence[Row], metric: str) -> Mapping[tuple, dict[int, float]]:
    """Cell -> its metric by seed."""
    cells: dict[tuple, dict[int, float]] = defaultdict(dict)
    for row in rows:
        value = row.get(metric)
        if not isinstance(value, int | float):
            raise RerunError(
                f"The metric must be a number of every row. Received: {metric!r}, "
                f"which is {value!r} in the row of {row['method']!r}, seed "
                f"{row['seed']}."
            )
        cells[_cell(row)][row["seed"]] = value
    return cells


def _cell(row: Row) -> tuple:
    return tuple(row[key] for key in RANKER_KEYS)


def _check_data(cell: tuple, again: Sequence[Row], first: Sequence[Row]) -> None:
    checksums = [
        {row.get("data_sha256") for row in rows if _cell(row) == cell}
        for rows in (again, first)
    ]
    if len(set.union(*checksums)) > 1:
        raise RerunError(
            f"Runs of {cell[0]} under {cell[1]} are on other rows than the first ones: "
            f"their data_sha256 differ. Received: {checksums[0]} and {checksums[1]}."
        )


def _named(cell: tuple) -> dict[str, Any]:
    of = dict(zip(RANKER_KEYS, cell, strict=True))
    parts = (of["method"], of["num_codes"], of["variant"])
    return {
        "data set": f"{of['dataset'].removeprefix('amazon/')}, {of['protocol']}",
        "ranker": of["model"],
        "method": "-".join(str(part) for part in parts if part),
        "fusion": of["fusion"],
    }


def _plus_minus(interval: Interval) -> str:
    alone = interval.n == 1
    return f"{interval.mean:.4f}" + ("" if alone else f" ± {interval.half_width:.4f}")
