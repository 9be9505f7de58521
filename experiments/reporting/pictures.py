"""The pictures of a suite: a file of each kind for each data set."""

import dataclasses
from pathlib import Path

from experiments.reporting.auc_picture import has_auc, plot_auc
from experiments.reporting.difference_pictures import (
    has_differences,
    has_gains,
    plot_forest,
    plot_gains,
)
from experiments.reporting.grid import Grid
from experiments.reporting.panels import panels_of

SUFFIXES = (".png", ".svg")


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture that was drawn.

    Attributes:
      title: what it shows.
      path: the file, without its ending.
    """

    title: str
    path: Path


def draw_pictures(grid: Grid, folder: Path) -> list[Picture]:
    """Draws what the cells of a suite give, as PNG and SVG.

    Args:
      grid: the cells.
      folder: where to write; made if missing.
    """
    pictures = []
    for setting in grid.settings:
        panels = panels_of(grid, setting)
        kinds = (
            ("auc", "AUC against the number of codes", plot_auc, has_auc(panels)),
            (
                "differences",
                "Paired differences in AUC",
                plot_forest,
                has_differences(panels),
            ),
            (
                "gains",
                "Gain in AUC on new, tail, middle and head items",
                plot_gains,
                has_gains(panels),
            ),
        )
        for kind, title, plot, is_there in kinds:
            if is_there:
                path = folder / f"{kind}_{setting.slug}"
                for suffix in SUFFIXES:
                    plot(panels, path.with_name(path.name + suffix))
                pictures.append(Picture(f"{title}: {setting.label}", path))
    return pictures
