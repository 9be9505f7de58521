"""Which panels a picture of a data set has, and what every line looks like."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from experiments.reporting.grid import Cell, Configuration, Grid, Setting, Spectrum
from moc_tf.evaluation import ContrastedSummary
from moc_tf.evaluation.figure_file import BLUE, GREEN, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The others, too, from Okabe and Ito's palette; with the markers, 24 looks.
_COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = "os^D"
MAX_COLUMNS = 3
# Of a legend in 9 points: what stands beside a name, and a letter of it.
_HANDLE_INCHES, _LETTER_INCHES = 0.65, 0.075


@dataclasses.dataclass(frozen=True)
class Panel:
    """What one panel shows: a ranker, and a fusion where a suite has several.

    Attributes:
      title: above it.
      results: by configuration, in the order of the suite; those without a fusion
        are in the panels of all of them.
      lines: all configurations of the data set without their fusion, in the order of
        the suite, which is that of the lines of every picture.
      spectra: of the code embeddings, a list a seed, of the configurations that have
        them.
    """

    title: str
    results: Mapping[Configuration, ContrastedSummary]
    lines: Sequence[Configuration]
    spectra: Mapping[Configuration, Sequence[Spectrum]]


def panels_of(grid: Grid, setting: Setting, model: str | None = None) -> list[Panel]:
    """The panels of a data set, or of one ranker there; those without results left out.

    Args:
      grid: the cells.
      setting: the data set.
      model: the ranker; None for all.
    """
    wanted = (cell.configuration for cell in grid.wanted if cell.setting == setting)
    lines = list(dict.fromkeys(map(unfused, wanted)))
    panels = []
    for name in grid.models if model is None else [model]:
        found = {
            configuration: result
            for configuration in grid.configurations_of(name)
            if (result := grid.get(setting, name, configuration)) is not None
        }
        fusions = list(dict.fromkeys(c.fusion for c in found if c.has_fusion))
        for fusion in fusions or [""]:
            shown = {
                configuration: result
                for configuration, result in found.items()
                if not configuration.has_fusion or configuration.fusion == fusion
            }
            spectra = {
                configuration: grid.spectra[cell]
                for configuration in shown
                if (cell := Cell(setting, name, configuration)) in grid.spectra
            }
            titled = f"{name}, fusion {fusion}" if len(fusions) > 1 else name
            if shown:
                panels.append(Panel(titled, shown, lines, spectra))
    return panels


def name_of(configuration: Configuration) -> str:
    """Method and variant, such as "moc, diverse"."""
    return ", ".join(filter(None, (configuration.method, configuration.variant)))


def name_with_codes(configuration: Configuration) -> str:
    """The same with the number of codes, such as "moc, diverse 7"."""
    codes = f" {configuration.num_codes}" if configuration.num_codes else ""
    return name_of(configuration) + codes


def looks(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """A colour and a marker for each name but "none", which is grey.

    Beyond 24 names they begin anew: a picture of more is read with its table.
    """
    every = [(colour, marker) for marker in _MARKERS for colour in _COLOURS]
    coloured = [name for name in names if name != "none"]
    found = {name: every[i % len(every)] for i, name in enumerate(coloured)}
    return {name: found.get(name, (GREY, "o")) for name in names}


def shape(num_panels: int) -> tuple[int, int]:
    """Rows and columns of panels."""
    columns = min(num_panels, MAX_COLUMNS)
    return math.ceil(num_panels / columns), columns


def order(panels: Sequence[Panel]) -> list[Configuration]:
    """The configurations that any of the panels has, without fusion, in order."""
    found = {unfused(c) for panel in panels for c in panel.results}
    return [line for panel in panels[:1] for line in panel.lines if line in found]


def unfused(configuration: Configuration) -> Configuration:
    """The configuration in any panel."""
    return configuration._replace(fusion="")


def dodges(count: int, step: float) -> Iterator[float]:
    """Shifts around 0 that keep what has one place apart."""
    return (step * (i - (count - 1) / 2) for i in range(count))


def legend_above(figure: "Figure", every: Iterable["Axes"]) -> None:
    """Puts one legend of all that is drawn in `every` above the panels."""
    handles = {
        name: handle
        for axes in every
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside upper center",
        ncols=_num_columns(list(handles), figure.get_figwidth()),
        frameon=False,
        fontsize=9,
    )


def _num_columns(names: Sequence[str], width: float) -> int:
    """The most columns of a legend of `names` that fit into `width` inches."""
    for count in range(len(names), 1, -1):
        # The longest of each column, in the columns that Matplotlib makes.
        longest = [max(map(len, column)) for column in np.array_split(names, count)]
        if sum(_HANDLE_INCHES + _LETTER_INCHES * length for length in longest) <= width:
            return count
    return 1
