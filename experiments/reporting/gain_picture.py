"""The picture of what codes are like and what they gain."""

import math
import os
from collections.abc import Sequence

from experiments.reporting.code_gains import FIGURES, CodeGain, rank_correlation
from moc_tf.evaluation.figure_file import BLUE, GREY, checked_target, figure_file


def plot_gains(gains: Sequence[CodeGain], path: str | os.PathLike[str]) -> None:
    """Draws the gain in AUC against each figure of the codes, a point a method.

    Args:
      gains: of one data set; at least one.
      path: the file, ending in .png or .svg; replaced in one step.
    """
    target = checked_target(path)
    with figure_file(target, 10.0, 8.0) as figure:
        panels = figure.subplots(2, 2, sharey=True).flat
        for axes, (name, head) in zip(panels, FIGURES.items(), strict=True):
            axes.axhline(0, color=GREY, linewidth=0.8)
            for each in gains:
                if name not in each.figures:
                    continue
                x, gain = each.figures[name].mean, each.gains["auc"]
                axes.errorbar(
                    x,
                    gain.mean,
                    yerr=None if gain.n == 1 else gain.half_width,
                    color=BLUE,
                    marker="o",
                    markersize=5,
                    elinewidth=0.8,
                    linewidth=0,
                )
                label = " ".join(filter(None, (each.side.method, each.side.variant)))
                axes.annotate(
                    label,
                    (x, gain.mean),
                    xytext=(5, 3),
                    textcoords="offset points",
                    fontsize=7,
                )
            axes.margins(x=0.15)
            axes.spines[["top", "right"]].set_visible(False)
            correlation = rank_correlation(gains, name)
            if not math.isnan(correlation):
                head = f"{head} (rank correlation {correlation:+.2f})"
            axes.set_xlabel(head, fontsize=9)
            axes.set_ylabel("difference in AUC to no codes, 95 % interval", fontsize=9)
