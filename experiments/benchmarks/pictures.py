"""The picture of a benchmark: how many times faster than the best peer."""

import os
from collections.abc import Sequence

from experiments.benchmarks.comparison import Row
from moc_tf.evaluation.figure_file import (
    BLUE,
    GREY,
    ORANGE,
    PALE,
    checked_target,
    figure_file,
)

_BAR, _MARGIN = 0.3, 1.2  # inches


def plot_ratios(rows: Sequence[Row], path: str | os.PathLike[str]) -> None:
    """Draws the ratio of each row that has one, as a bar that begins at 1.

    Bars to the right, in blue, are better than the best peer; others are orange.

    Args:
      rows: as `compare` gives them.
      path: the file, ending in .png or .svg; replaced in one step.

    Raises:
      ValueError: if the ending is another, or no row has a ratio.
    """
    target = checked_target(path)
    drawn = [row for row in rows if row.ratio]
    if not drawn:
        raise ValueError(
            "A picture of ratios needs a row with a peer. Received: "
            f"{len(rows)} rows without."
        )
    ratios = [float(row.ratio or 1.0) for row in drawn]
    with figure_file(target, 9.0, _BAR * len(drawn) + _MARGIN) as figure:
        axes = figure.subplots()
        places = range(len(drawn))
        colours = [BLUE if ratio >= 1 else ORANGE for ratio in ratios]
        widths = [ratio - 1 for ratio in ratios]
        axes.barh(places, widths, left=1.0, color=colours, height=0.7)
        for place, ratio in zip(places, ratios, strict=True):
            axes.annotate(
                f"{ratio:.2f}",
                (max(ratio, 1.0), place),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        axes.set_yticks(places, [_label(row) for row in drawn], fontsize=8)
        axes.invert_yaxis()
        axes.set_xscale("log")
        axes.axvline(1.0, color=GREY, linewidth=1)
        axes.set_xlabel("times better than the best peer of the same work (log scale)")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", color=PALE, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.margins(x=0.12)


def _label(row: Row) -> str:
    config = row.ours.config
    batch = config.get("batch")
    details = [str(config.get("case")), row.ours.metric]
    if row.ours.workload == "ranker_predict":
        details.append(f"batch {batch}")
    return f"{row.ours.workload}: {', '.join(details)}"
