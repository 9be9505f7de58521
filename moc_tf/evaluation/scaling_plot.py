"""The picture of how codes get better with their number, method by method."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from moc_tf.evaluation.figure_file import checked_target, figure_file, open_frame

_PANELS = {
    "relative_error": "relative reconstruction error",
    "neighbour_recall": "recall of 10 nearest neighbours",
    "mean_nmi": "mean NMI of two codebooks",
}
# From Okabe and Ito's palette. With the markers there are looks for 14 methods.
_COLOURS = "#0072B2 #D55E00 #009E73 #CC79A7 #56B4E9 #E69F00 #5F5F5F".split()
_MARKERS = "os"


def plot_code_scaling(
    rows: Sequence[Mapping[str, Any]], path: str | os.PathLike[str]
) -> None:
    """Draws error, neighbour recall and redundancy against the number of codes.

    A line is a method, in the order of the rows; what a row has None for is left out.
    Equal rows give equal bytes.

    Args:
      rows: "method", "num_codes" and the three figures, by the names of
        `moc_tf.indexing.CodeQuality`; one row for each method and number of codes.
      path: the file, ending in .png or .svg; replaced in one step.

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
    with figure_file(target, 11.0, 4.4) as figure:
        panels = figure.subplots(1, len(_PANELS))
        for axes, (figure_name, label) in zip(panels, _PANELS.items(), strict=True):
            for method, (colour, marker) in zip(methods, looks, strict=False):
                points = sorted(
                    (int(row["num_codes"]), float(row[figure_name]))
                    for row in rows
                    if row["method"] == method and row[figure_name] is not None
                )
                if points:
                    axes.plot(
                        *zip(*points, strict=True),
                        color=colour,
                        marker=marker,
                        markersize=5,
                        linewidth=1.6,
                        label=method,
                    )
            axes.set_xscale("log", base=2)
            axes.set_xticks(counts, labels=[str(count) for count in counts])
            axes.minorticks_off()
            axes.set_ylim(bottom=0)
            axes.set_xlabel("number of codes of an item")
            axes.set_title(label, fontsize=10)
            open_frame(axes)
        lines = {
            name: handle
            for axes in panels
            for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        names = [method for method in methods if method in lines]
        figure.legend(
            [lines[name] for name in names],
            names,
            loc="outside upper center",
            ncols=min(len(names), 6),
            frameon=False,
        )
