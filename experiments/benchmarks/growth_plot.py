"""The picture of how cost grows, one panel for what is made larger."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.benchmarks.records import Record
from moc_tf.evaluation.figure_file import (
    BLUE,
    GREEN,
    ORANGE,
    checked_target,
    figure_file,
    open_frame,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_UNITS = {"seconds": "seconds", "us": "microseconds"}
_LABELS = {
    "items": "items",
    "codes": "codes of an item, N",
    "codebook_size": "codes in a codebook, K",
    "dim": "dimensions of a vector, X",
    "vocabulary": "users",
    "fields": "fields of the ranker",
    "batch": "rows of a batch",
}
_COLUMNS = 4


def plot_growth(records: Sequence[Record], path: str | os.PathLike[str]) -> None:
    """Draws each figure of the workload `growth` against the size it is of.

    Both axes are logarithmic; a dotted line grows as the size does.

    Args:
      records: of the workload; a panel for each case among them.
      path: the file, ending in .png or .svg; replaced in one step.

    Raises:
      ValueError: if the ending is another, or there are no records.
    """
    target = checked_target(path)
    axes_of = list(dict.fromkeys(str(record.config["case"]) for record in records))
    if not axes_of:
        raise ValueError("A picture of growth needs records. Received: none.")
    columns = min(_COLUMNS, len(axes_of))
    lines = -(-len(axes_of) // columns)
    with figure_file(target, 3.4 * columns, 3.0 * lines) as figure:
        panels = figure.subplots(lines, columns, squeeze=False).ravel()
        for panel in panels[len(axes_of) :]:
            panel.set_axis_off()
        for panel, axis in zip(panels, axes_of, strict=False):
            here = [record for record in records if record.config["case"] == axis]
            kinds = list(dict.fromkeys(str(record.config["what"]) for record in here))
            for kind, colour in zip(kinds, (BLUE, ORANGE, GREEN), strict=False):
                points = sorted(
                    (int(record.config["size"]), record.value)
                    for record in here
                    if record.config["what"] == kind
                )
                sizes, values = zip(*points, strict=True)
                panel.plot(sizes, values, marker="o", color=colour, label=kind)
                panel.plot(
                    sizes,
                    [values[0] * size / sizes[0] for size in sizes],
                    color=colour,
                    linestyle=":",
                    linewidth=1,
                )
            _set_scales(panel, sorted({int(r.config["size"]) for r in here}))
            panel.set_xlabel(_LABELS[axis], fontsize=9)
            panel.set_ylabel(_UNITS[here[0].metric], fontsize=9)
            panel.legend(fontsize=7, frameon=False)
            open_frame(panel)
        figure.supxlabel("dotted: growth in proportion to the size", fontsize=9)


def _set_scales(panel: "Axes", sizes: Sequence[int]) -> None:
    """Logarithmic scales, with the sizes themselves below."""
    from matplotlib.ticker import LogLocator, NullLocator

    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xticks(sizes, labels=[_short(size) for size in sizes], fontsize=8)
    panel.xaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_locator(NullLocator())
    panel.tick_params(axis="y", labelsize=8)


def _short(size: int) -> str:
    """A number of at most four characters or so: "12k", "1M"."""
    for unit, letter in ((10**6, "M"), (10**3, "k")):
        if size >= 10_000 and size >= unit:
            return f"{size / unit:.0f}{letter}"
    return str(size)
