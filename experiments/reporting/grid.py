"""The cells of a suite, those that are still empty too."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from experiments.reporting.rows import RANKER_KEYS, Row
from moc_tf.evaluation import ContrastedSummary, contrast

Spectrum = Sequence[float]  # singular values, descending


class Setting(NamedTuple):
    """What a column is of: a data set under a protocol."""

    dataset: str
    protocol: str
    split: str = "test"

    @property
    def label(self) -> str:
        """For people, such as "beauty, rating"."""
        name = self.dataset.removeprefix("amazon/")
        parts = [name, self.protocol, *([self.split] if self.split != "test" else [])]
        return ", ".join(parts)

    @property
    def slug(self) -> str:
        """For file names and anchors, such as "beauty_rating"."""
        return "_".join(slug(part) for part in self.label.split(", "))


class Configuration(NamedTuple):
    """What a line is of: a method at a number of codes, and what was done to it."""

    method: str
    num_codes: int
    fusion: str
    variant: str

    @property
    def has_fusion(self) -> bool:
        """Whether there is anything to fuse."""
        return self.num_codes > 0

    @property
    def slug(self) -> str:
        """For anchors, such as "moc-7-self_gating-diverse"."""
        parts = (self.method, self.num_codes, self.fusion, self.variant)
        return "-".join(slug(str(part)) for part in parts if part != "")


class Cell(NamedTuple):
    """A configuration in a ranker on a data set."""

    setting: Setting
    model: str
    configuration: Configuration


@dataclasses.dataclass(frozen=True)
class Grid:
    """The cells of a suite.

    Attributes:
      name: of the suite, which is that of its folder.
      found: the results of the cells that have any.
      wanted: all cells, in the order of the suite.
      num_seeds: that a full cell has; None where nobody said so.
      spectra: singular values of the code embeddings, a list a seed, of the cells
        all of whose runs have them.
    """

    name: str
    found: Mapping[Cell, ContrastedSummary]
    wanted: Sequence[Cell]
    num_seeds: int | None = None
    spectra: Mapping[Cell, Sequence[Spectrum]] = dataclasses.field(default_factory=dict)

    @property
    def models(self) -> list[str]:
        """The rankers, in order."""
        return list(dict.fromkeys(cell.model for cell in self.wanted))

    @property
    def settings(self) -> list[Setting]:
        """The data sets, in order."""
        return list(dict.fromkeys(cell.setting for cell in self.wanted))

    def settings_of(self, model: str) -> list[Setting]:
        """The columns of a ranker."""
        return list(
            dict.fromkeys(cell.setting for cell in self.wanted if cell.model == model)
        )

    def configurations_of(self, model: str) -> list[Configuration]:
        """The lines of a ranker."""
        cells = (cell for cell in self.wanted if cell.model == model)
        return list(dict.fromkeys(cell.configuration for cell in cells))

    def get(
        self, setting: Setting, model: str, configuration: Configuration
    ) -> ContrastedSummary | None:
        """The results of a cell; None if it is empty."""
        return self.found.get(Cell(setting, model, configuration))

    @property
    def num_empty(self) -> int:
        """How many cells have no run."""
        return sum(cell not in self.found for cell in self.wanted)

    @property
    def num_short(self) -> int:
        """How many cells have runs, but of fewer seeds than they should."""
        full = self.num_seeds or max(
            (len(each.summary.seeds) for each in self.found.values()), default=0
        )
        return sum(len(each.summary.seeds) < full for each in self.found.values())

    @property
    def completeness(self) -> str:
        """A sentence on what is missing."""
        empty = f"{self.num_empty} of {len(self.wanted)} cells are empty"
        if not self.num_short:
            return f"{empty}."
        return f"{empty}; seeds are missing in {self.num_short} more."


def make_grid(
    name: str,
    rows: Iterable[Row],
    expected: Sequence[Cell] = (),
    num_seeds: int | None = None,
) -> Grid:
    """Gathers the rows of rankers into cells.

    Args:
      name: of the suite.
      rows: of results.jsonl; a row's `suite` is not looked at.
      expected: the cells that the suite asks for. If there are none, they are all
        lines of a ranker in all its columns.
      num_seeds: that the suite asks for.

    Raises:
      ValueError: if rows do not fit together; see `moc_tf.evaluation.contrast`.
    """
    rows = list(rows)
    found = {cell_of(each.summary.group): each for each in contrast(rows)}
    spectra: dict[Cell, list[Spectrum | None]] = {}
    for row in rows:
        spectra.setdefault(cell_of(row), []).append(row.get("code_spectrum"))
    if not expected:
        present = Grid(name, found, list(found))
        expected = [
            Cell(setting, model, configuration)
            for model in present.models
            for setting in present.settings_of(model)
            for configuration in present.configurations_of(model)
        ]
    wanted = list(dict.fromkeys([*expected, *found]))
    of_all_runs = {
        cell: [values for values in every if values is not None]
        for cell, every in spectra.items()
        if None not in every
    }
    return Grid(name, found, wanted, num_seeds, of_all_runs)


def cell_of(group: Mapping[str, Any]) -> Cell:
    """The cell of a row, or of a summary's group."""
    values = {key: group[key] for key in RANKER_KEYS}
    setting = Setting(values["dataset"], values["protocol"], values["split"])
    configuration = Configuration(
        values["method"], values["num_codes"], values["fusion"], values["variant"]
    )
    return Cell(setting, values["model"], configuration)


def slug(text: str) -> str:
    """`text` as file names and anchors can have it."""
    return "".join(
        c if c.isascii() and (c.isalnum() or c in "._") else "_" for c in text
    )
