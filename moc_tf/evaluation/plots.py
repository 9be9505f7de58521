"""The picture of the scaling question: does AUC grow with the number of codes?"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from moc_tf.evaluation.figure_file import (
    BLUE,
    GREEN,
    GREY,
    checked_target,
    figure_file,
    open_frame,
)
from moc_tf.evaluation.statistics import Interval
from moc_tf.evaluation.tables import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# method -> label, colour, line style
_REFERENCES = {
    "none": ("no codes", GREY, "--"),
    "true_factors": ("true factors (upper bound)", GREEN, "-."),
}


def plot_auc_by_codes(
    summaries: Sequence[Summary], path: str | os.PathLike[str]
) -> None:
    """Draws AUC against the number of Mixture-of-Codes codes, with 95 % intervals.

    The points are of the method "moc", and of "vq" as its case of one code; "none"
    and "true_factors", where present, are horizontal lines. Other methods are not
    drawn. Equal summaries give equal bytes.

    Args:
      summaries: what `summarise` returned, of one model on one data set, each of the
        methods drawn in one configuration for each number of codes.
      path: the file, ending in .png or .svg; replaced in one step.

    Raises:
      ValueError: if the ending is another, if there is no run of moc or vq, or if a
        method has several configurations for one number of codes.
    """
    target = checked_target(path)
    by_method = {
        method: _by_num_codes(summaries, method)
        for method in ("vq", "moc", *_REFERENCES)
    }
    points = by_method["vq"] | by_method["moc"]
    if not points:
        raise ValueError(
            "There must be a result of 'moc' or 'vq' to plot. Received: methods "
            f"{sorted({str(s.group['method']) for s in summaries})}."
        )

    with figure_file(target, 6.4, 4.2) as figure:
        axes = figure.add_subplot()
        _draw_points(axes, points)
        for method, look in _REFERENCES.items():
            for interval in by_method[method].values():
                _draw_reference(axes, interval, *look)
        drawn = [
            interval for found in by_method.values() for interval in found.values()
        ]
        _label(axes, sorted(points), {interval.n for interval in drawn})
        # Outside the axes it covers no line, wherever the results lie.
        figure.legend(loc="outside upper center", ncols=3, frameon=False)


def _by_num_codes(summaries: Sequence[Summary], method: str) -> dict[int, Interval]:
    """AUC of a method by its number of codes; a method without codes has key 0."""
    found: dict[int, Interval] = {}
    for summary in summaries:
        if summary.group["method"] != method or "auc" not in summary.metrics:
            continue
        # The references are one line each, whatever they call their codes.
        num_codes = 0 if method in _REFERENCES else int(summary.group["num_codes"])
        if num_codes in found:
            raise ValueError(
                f"A plot shows one configuration of {method!r} for each number of "
                f"codes. Received: a second, {dict(summary.group)}. Select the "
                "summaries of one model, data set, fusion and variant."
            )
        found[num_codes] = summary.metrics["auc"]
    return found


def _draw_points(axes: "Axes", points: dict[int, Interval]) -> None:
    num_codes = sorted(points)
    intervals = [points[n] for n in num_codes]
    tested = any(interval.n > 1 for interval in intervals)
    axes.errorbar(
        num_codes,
        [interval.mean for interval in intervals],
        yerr=[interval.half_width for interval in intervals] if tested else None,
        color=BLUE,
        marker="o",
        markersize=6,
        linewidth=1.8,
        capsize=4,
        label="Mixture-of-Codes",
        zorder=3,
    )


def _draw_reference(
    axes: "Axes", interval: Interval, label: str, color: str, line_style: str
) -> None:
    axes.axhline(
        interval.mean, color=color, linestyle=line_style, linewidth=1.5, label=label
    )
    if interval.n > 1:
        axes.axhspan(interval.low, interval.high, color=color, alpha=0.15, linewidth=0)


def _label(axes: "Axes", num_codes: list[int], seeds: set[int]) -> None:
    over = "over seeds" if len(seeds) > 1 else f"over {max(seeds)} seeds"
    axes.set_ylabel(
        "AUC, one seed" if seeds == {1} else f"AUC, mean {over} and 95 % interval"
    )
    axes.set_xlabel("number of codes of an item")
    axes.set_xticks(num_codes)
    axes.set_xlim(num_codes[0] - 0.5, num_codes[-1] + 0.5)
    axes.margins(y=0.1)
    open_frame(axes)
