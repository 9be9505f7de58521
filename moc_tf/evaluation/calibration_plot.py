"""The picture of calibration: what was predicted, and what happened."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from moc_tf.evaluation.figure_file import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    checked_target,
    figure_file,
    open_frame,
)
from moc_tf.evaluation.reliability import ReliabilityBin

_LOOKS = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (GREY, "D"))  # colour, marker


def plot_calibration(
    tables: Mapping[str, Sequence[ReliabilityBin]],
    path: str | os.PathLike[str],
    title: str,
) -> None:
    """Draws the share of clicks against the predicted probability, bin by bin.

    Vertical lines are 95 % intervals of the share by Wilson's score; on the dashed
    diagonal, predictions are right. Equal tables give equal bytes.

    Args:
      tables: name -> what `reliability_table` returned, one to four of them.
      path: the file, ending in .png or .svg; replaced in one step.
      title: of the figure.

    Raises:
      ValueError: if the ending is another, there are no tables or more than four, or
        one has no bins.
    """
    target = checked_target(path)
    if not 1 <= len(tables) <= len(_LOOKS) or not all(tables.values()):
        raise ValueError(
            f"There must be one to {len(_LOOKS)} reliability tables, each with bins. "
            f"Received: { {name: len(table) for name, table in tables.items()} } bins."
        )
    with figure_file(target, 5.2, 5.0) as figure:
        axes = figure.add_subplot()
        upper = 0.0
        for (name, table), (color, marker) in zip(tables.items(), _LOOKS, strict=False):
            _, predicted, observed = np.array(table).T
            low, high = np.array([_interval(each) for each in table]).T
            upper = max(upper, predicted.max(), high.max())
            axes.errorbar(
                predicted,
                observed,
                yerr=[observed - low, high - observed],
                color=color,
                marker=marker,
                markersize=5,
                linewidth=1.5,
                capsize=3,
                label=name,
                zorder=3,
            )
        limit = min(1.05 * upper, 1.02)
        axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="calibrated")
        axes.set_xlim(0, limit)
        axes.set_ylim(0, limit)
        axes.set_aspect("equal")
        axes.set_xlabel("predicted probability, mean of a bin")
        axes.set_ylabel("share of clicks and 95 % interval")
        open_frame(axes)
        figure.suptitle(title, fontsize=11)
        figure.legend(loc="outside lower center", ncols=3, frameon=False)


def _interval(reliability: ReliabilityBin) -> tuple[float, float]:
    from scipy.stats import binomtest

    clicks = round(reliability.rows * reliability.observed)
    found = binomtest(clicks, reliability.rows).proportion_ci(method="wilson")
    # Rounding takes the ends a little inside the share where it is 0 or 1.
    return min(found.low, reliability.observed), max(found.high, reliability.observed)
