"""The picture of how codes get better with their number, method by method."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from moc_tf.evaluation.figure_file import checked_target, figure_file, open_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = Sequence[Mapping[str, Any]]


class ScalingPanel(NamedTuple):
    """What a panel shows.

    Attributes:
      figure: key of the rows.
      title: above the panel.
      unit: at its vertical axis.
      chance: key of the figure's chance level, drawn dashed; "" for none.
    """

    figure: str
    title: str
    unit: str = ""
    chance: str = ""


_PANELS = (
    ScalingPanel("relative_error", "relative reconstruction error"),
    ScalingPanel("neighbour_recall", "recall of 10 nearest neighbours"),
    ScalingPanel("mean_nmi", "mean NMI of two codebooks"),
)
_COLUMNS = 4
_PANEL_INCHES = (3.5, 3.5)
_NAME_INCHES = 1.75  # of a method in the legend
# From Okabe and Ito's palette. With the markers there are looks for 14 methods.
_COLOURS = "#0072B2 #D55E00 #009E73 #CC79A7 #56B4E9 #E69F00 #5F5F5F".split()
_MARKERS = "os"


def plot_code_scaling(
    rows: Rows, path: str | os.PathLike[str], panels: Sequence[ScalingPanel] = _PANELS
) -> None:
    """Draws figures of codes against their number, which has a logarithmic axis.

    A line is a method, in the order of the rows, and a ring one that has but a single
    number of codes where others have more; what a row has None for is left out.
    Of several rows for a method and number of codes, such as those of seeds, their mean
    is a point and their range a bar through it. Equal rows give equal bytes.

    Args:
      rows: "method", "num_codes" and the figures of the panels, such as those of
        `moc_tf.indexing.CodeQuality`.
      path: the file, ending in .png or .svg; replaced in one step.
      panels: what to draw; by default error, neighbour recall and redundancy.

    Raises:
      ValueError: if the ending is another, there are no rows, or more than 14 methods.
    """
    target = checked_target(path)
    methods = list(dict.fromkeys(str(row["method"]) for row in rows))
    looks = [(colour, marker) for marker in _MARKERS for colour in _COLOURS]
    if not 0 < len(methods) <= len(looks):
        raise ValueError(
            f"A plot shows from one to {len(looks)} methods. Received: {methods}."
        )
    counts = sorted({int(row["num_codes"]) for row in rows})
    columns = min(len(panels), _COLUMNS)
    lines = math.ceil(len(panels) / columns)
    width = max(0.5 + _PANEL_INCHES[0] * columns, 7.0)
    with figure_file(target, width, 0.9 + _PANEL_INCHES[1] * lines) as figure:
        every = figure.subplots(lines, columns, squeeze=False).ravel()
        for axes, panel in zip(every, panels, strict=False):
            for method, look in zip(methods, looks, strict=False):
                of_method = [row for row in rows if row["method"] == method]
                _draw(axes, panel, of_method, look, len(counts) > 1)
            axes.set_xscale("log", base=2)
            axes.set_xticks(counts, labels=[str(count) for count in counts])
            axes.minorticks_off()
            axes.set_ylim(bottom=min(0, axes.dataLim.y0))
            axes.set_xlabel("number of codes of an item (log scale)")
            axes.set_ylabel(panel.unit)
            axes.set_title(panel.title, fontsize=10)
            open_frame(axes)
        for axes in every[len(panels) :]:
            axes.set_axis_off()
        handles = {
            name: handle
            for axes in every
            for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        names = [method for method in methods if method in handles]
        figure.legend(
            [handles[name] for name in names],
            names,
            loc="outside upper center",
            ncols=min(len(names), int(width / _NAME_INCHES)),
            frameon=False,
        )


def _draw(
    axes: "Axes",
    panel: ScalingPanel,
    rows: Rows,
    look: tuple[str, str],
    with_rings: bool,
) -> None:
    """Draws the line of a method, and its chance level."""
    colour, marker = look
    points = _by_count(rows, panel.figure)
    if not points:
        return
    is_ring = with_rings and len(points) == 1  # or it would hide what coincides with it
    axes.plot(
        tuple(points),
        _means(points),
        color=colour,
        marker=marker,
        markersize=10 if is_ring else 5,
        markerfacecolor="none" if is_ring else colour,
        linewidth=1.6,
        label=str(rows[0]["method"]),
    )
    for count, values in points.items():
        if len(values) > 1:
            axes.vlines(count, min(values), max(values), color=colour, linewidth=2.8)
    if chance := _by_count(rows, panel.chance):
        axes.plot(
            tuple(chance), _means(chance), color=colour, linestyle="--", linewidth=0.9
        )


def _means(points: Mapping[int, Sequence[float]]) -> tuple[float, ...]:
    return tuple(float(np.mean(values)) for values in points.values())


def _by_count(rows: Rows, figure: str) -> dict[int, list[float]]:
    """The values of a figure, by number of codes, ascending."""
    found: dict[int, list[float]] = {}
    for row in sorted(rows, key=lambda row: int(row["num_codes"])):
        if figure and row[figure] is not None:
            found.setdefault(int(row["num_codes"]), []).append(float(row[figure]))
    return found
