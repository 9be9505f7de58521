"""The cells of a suite of codes, those that are still empty too."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from experiments.code_suites import CODE_SUITES, DATA
from experiments.reporting.grid import Setting
from experiments.reporting.rows import Row
from moc_tf.evaluation import Interval, mean_interval


class CodeCell(NamedTuple):
    """An indexer at a number of codes, on a data set."""

    setting: Setting
    method: str
    num_codes: int


@dataclasses.dataclass(frozen=True)
class CodeGrid:
    """The cells of a suite of codes.

    Attributes:
      name: of its folder.
      suite: one of `CODE_SUITES`.
      found: the rows of the cells that have any, by seed.
      wanted: all cells, in the order of the suite.
      num_seeds: that a full cell has; None where nobody said so.
    """

    name: str
    suite: str
    found: Mapping[CodeCell, Sequence[Row]]
    wanted: Sequence[CodeCell]
    num_seeds: int | None = None

    @property
    def settings(self) -> list[Setting]:
        """The data sets, in order."""
        return list(dict.fromkeys(cell.setting for cell in self.wanted))

    def rows_of(self, setting: Setting) -> list[Row]:
        """The rows of a data set, in the order of the cells."""
        return [
            row
            for cell in self.wanted
            if cell.setting == setting
            for row in self.found.get(cell, ())
        ]

    def interval(self, cell: CodeCell, figure: str) -> Interval | None:
        """The mean of a figure over seeds; None where a row has no value."""
        values = [row.get(figure) for row in self.found.get(cell, ())]
        return mean_interval(values) if values and None not in values else None

    @property
    def completeness(self) -> str:
        """A sentence on what is missing."""
        empty = sum(cell not in self.found for cell in self.wanted)
        counts = [len(rows) for rows in self.found.values()]
        full = self.num_seeds or max(counts, default=0)
        short = sum(count < full for count in counts)
        seeds = f"; seeds are missing in {short} more" if short else ""
        return f"{empty} of {len(self.wanted)} cells are empty{seeds}."


def code_suite_of(folder: str, rows: Sequence[Row]) -> str | None:
    """The suite of codes that a folder is of, or of a part of; None if of none."""
    names = (folder, *(row.get("suite") for row in rows[:1]))
    return next((name for name in names if name in CODE_SUITES), None)


def make_code_grid(
    suite: str, rows: Sequence[Row], name: str = "", num_seeds: int | None = None
) -> CodeGrid:
    """Gathers rows into cells.

    Args:
      suite: one of `CODE_SUITES`, which says what cells there should be.
      rows: of results.jsonl.
      name: of its folder; "" if that is the suite's.
      num_seeds: that the suite asks for.

    Raises:
      ValueError: if a cell has a seed twice, or rows of different data.
    """
    found: dict[CodeCell, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["seed"]):
        setting = Setting(row["dataset"], row["protocol"])
        cell = CodeCell(setting, row["method"], row["num_codes"])
        found.setdefault(cell, []).append(row)
    for cell, of_cell in found.items():
        seeds = [row["seed"] for row in of_cell]
        if len(set(seeds)) < len(seeds):
            raise ValueError(
                "The rows of an indexer must be of different seeds. Received: seeds "
                f"{seeds} of {cell.method!r} with {cell.num_codes} codes."
            )
        if len({row.get("data_sha256") for row in of_cell}) > 1:
            raise ValueError(
                "The rows of an indexer must be of the same data. Received: different "
                f"data_sha256 of {cell.method!r} with {cell.num_codes} codes."
            )
    settings = dict.fromkeys(Setting(row["dataset"], row["protocol"]) for row in rows)
    wanted = [
        CodeCell(setting, *cell)
        for setting in settings or [Setting(*pair) for pair in DATA]
        for cell in CODE_SUITES[suite].cells
    ]
    every = list(dict.fromkeys([*wanted, *found]))
    return CodeGrid(name or suite, suite, found, every, num_seeds)
