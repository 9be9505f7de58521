"""The pictures of a suite: a file of each kind for each data set.

Those of spectra are of one ranker each.
"""

import dataclasses
from pathlib import Path

from experiments.reporting.auc_picture import has_auc, plot_auc
from experiments.reporting.difference_pictures import (
    has_differences,
    has_gains,
    plot_forest,
    plot_gains,
)
from experiments.reporting.grid import Grid, slug
from experiments.reporting.panels import panels_of
from experiments.reporting.spectrum_picture import has_spectra, plot_spectra

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
        every = panels_of(grid, setting)
        kinds = [
            ("auc", "AUC against the number of codes", has_auc, plot_auc, every),
            (
                "differences",
                "Paired differences in AUC",
                has_differences,
                plot_forest,
                every,
            ),
            (
                "gains",
                "Gain in AUC on new, tail, middle and head items",
                has_gains,
                plot_gains,
                every,
            ),
            *(
                (
                    f"spectra_{slug(model)}",
                    f"Singular spectra of the code embeddings in {model}",
                    has_spectra,
                    plot_spectra,
                    panels_of(grid, setting, model),
                )
                for model in grid.models
            ),
        ]
        for kind, title, is_there, plot, panels in kinds:
            if is_there(panels):
                path = folder / f"{kind}_{setting.slug}"
                for suffix in SUFFIXES:
                    plot(panels, path.with_name(path.name + suffix))
                pictures.append(Picture(f"{title}: {setting.label}", path))
    return pictures
