"""The picture of singular spectra, and of how many dimensions they come to."""

import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from experiments.reporting.auc_picture import draw_metric
from experiments.reporting.grid import Spectrum
from experiments.reporting.panels import (
    Panel,
    legend_above,
    looks,
    name_of,
    order,
    unfused,
)
from moc_tf.evaluation.figure_file import checked_target, figure_file, open_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of the largest. Embeddings are float32: what is smaller is a dimension not there.
_LEAST = 1e-7
_MARKERS = 5  # of a line, or a few more


def has_spectra(panels: Sequence[Panel]) -> bool:
    """Whether there is anything for `plot_spectra` to draw."""
    return any(panel.spectra for panel in panels)


def median_spectrum(spectra: Sequence[Spectrum]) -> np.ndarray:
    """Singular values over the largest, the median over seeds at each index.

    Args:
      spectra: singular values, descending, a list a seed, of one length.

    Returns:
      float64 [length]; NaN below 1e-7, and where all values of a seed are zero.
    """
    values = np.array(spectra, np.float64)
    largest = values[:, :1]
    shares = np.divide(values, largest, np.zeros_like(values), where=largest > 0)
    median = np.median(shares, axis=0)
    return np.where(median < _LEAST, np.nan, median)


def plot_spectra(panels: Sequence[Panel], path: str | os.PathLike[str]) -> None:
    """Draws a row for each panel: spectra by number of codes, then their abundance.

    A line is a method, see `median_spectrum`; that of a single code, which is narrower,
    stands with every number of codes, dashed, and is in the legend unless the method
    has a line of more codes. Of the information abundance, the last of
    a row, it is the mean over seeds with its 95 % interval.

    Args:
      panels: of one ranker and data set; at least one has spectra, see `has_spectra`.
      path: the file, ending in .png or .svg; replaced in one step.
    """
    target = checked_target(path)
    panels = [panel for panel in panels if panel.spectra]
    with_spectra = {unfused(c) for panel in panels for c in panel.spectra}
    counts = sorted({c.num_codes for c in with_spectra})
    scales = [count for count in counts if count > 1] or counts
    lines = [line for line in order(panels) if line in with_spectra]
    names = list(dict.fromkeys(map(name_of, lines)))
    with_more = {name_of(line) for line in lines if line.num_codes > 1}
    styles = looks(names)
    width, height = 1.0 + 3.2 * (len(scales) + 1), 1.0 + 3.0 * len(panels)
    with figure_file(target, width, height) as figure:
        every = figure.subplots(len(panels), len(scales) + 1, squeeze=False)
        for row, panel in zip(every, panels, strict=True):
            for axes, count in zip(row, scales, strict=False):
                _draw(axes, panel, count, styles, with_more)
                codes = "1 code" if count == 1 else f"{count} codes"
                axes.set_title(f"{panel.title}\n{codes}", fontsize=10)
            row[0].set_ylabel("singular value over the largest, median", fontsize=9)
            draw_metric(row[-1], panel, "information_abundance", counts, names, styles)
            row[-1].set_title(f"{panel.title}\ninformation abundance", fontsize=10)
            row[-1].set_ylabel("mean over seeds and 95 % interval", fontsize=9)
            open_frame(row[-1])
        for axes in every[-1, :-1]:
            axes.set_xlabel("index of the singular value", fontsize=9)
        every[-1, -1].set_xlabel("number of codes (not to scale)", fontsize=9)
        spectra = every[:, :-1].ravel()
        drawn = [line.get_ydata() for axes in spectra for line in axes.lines]
        lowest = min((y for line in drawn for y in line if y > 0), default=0.1)
        for axes in spectra:
            axes.set_ylim(lowest / 1.5, 1.5)
        # The last counts of what has one name, and shows how the spectra are drawn.
        legend_above(figure, [*every[:, -1], *spectra])


def _draw(
    axes: "Axes",
    panel: Panel,
    count: int,
    styles: Mapping[str, tuple[str, str]],
    with_more: Collection[str],
) -> None:
    axes.set_yscale("log")
    open_frame(axes)
    for configuration, spectra in panel.spectra.items():
        if configuration.num_codes in (1, count):
            name, median = name_of(configuration), median_spectrum(spectra)
            colour, marker = styles[name]
            is_narrower = configuration.num_codes < count
            step = max(np.isfinite(median).sum() // _MARKERS, 1)
            start = step * list(styles).index(name) // len(styles)
            axes.plot(
                np.arange(1, len(median) + 1),
                median,
                color=colour,
                marker=marker,
                markersize=4,
                # Sparse, and apart from those of lines that coincide.
                markevery=(start, step),
                linewidth=1.3,
                linestyle="--" if is_narrower else "-",
                label="" if is_narrower and name in with_more else name,
            )
