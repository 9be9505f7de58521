"""The picture of AUC against the number of codes."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.reporting.panels import (
    Panel,
    dodges,
    legend_above,
    looks,
    name_of,
    order,
    shape,
)
from moc_tf.evaluation import Interval
from moc_tf.evaluation.figure_file import (
    GREY,
    checked_target,
    figure_file,
    open_frame,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BASELINE = "none"


def has_auc(panels: Sequence[Panel]) -> bool:
    """Whether there is anything for `plot_auc` to draw."""
    return any(
        "auc" in each.summary.metrics
        for panel in panels
        for each in panel.results.values()
    )


def plot_auc(panels: Sequence[Panel], path: str | os.PathLike[str]) -> None:
    """Draws a panel each: a line a method, with 95 % intervals, and none dashed.

    Numbers of codes stand at equal distances, so that methods fit in beside one
    another.

    Args:
      panels: of one data set; at least one has an AUC, see `has_auc`.
      path: the file, ending in .png or .svg; replaced in one step.
    """
    target = checked_target(path)
    every_line = order(panels)
    counts = sorted({c.num_codes for c in every_line} - {0})
    names = list(dict.fromkeys(map(name_of, every_line)))
    styles = looks(names)
    rows, columns = shape(len(panels))
    width = max(1.2 + 3.6 * columns, 9.0)
    with figure_file(target, width, 1.2 + 3.0 * rows) as figure:
        every = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, panel in zip(every, panels, strict=False):
            draw_metric(axes, panel, "auc", counts, names, styles)
            axes.set_title(panel.title, fontsize=10)
            open_frame(axes)
        for axes in every[len(panels) :]:
            axes.set_axis_off()
        figure.supxlabel("number of codes of an item (not to scale)", fontsize=10)
        figure.supylabel("AUC, mean over seeds and 95 % interval", fontsize=10)
        legend_above(figure, every)


def draw_metric(
    axes: "Axes",
    panel: Panel,
    metric: str,
    counts: Sequence[int],
    names: Sequence[str],
    styles: Mapping[str, tuple[str, str]],
) -> None:
    """Draws a metric against the number of codes, a line a method, with intervals.

    Args:
      axes: where.
      panel: what of.
      metric: its key in a summary.
      counts: the numbers of codes that stand at 0, 1, 2 and so on.
      names: of the methods; "none" becomes a dashed line.
      styles: colour and marker by name, as `looks` has them.
    """
    axes.set_xticks(range(len(counts)), labels=[str(count) for count in counts])
    axes.set_xlim(-0.5, max(len(counts), 1) - 0.5)
    lines: dict[str, list[tuple[int, Interval]]] = {name: [] for name in names}
    for configuration, result in panel.results.items():
        interval = result.summary.metrics.get(metric)
        if interval is not None:
            found = lines[name_of(configuration)]
            found.append((configuration.num_codes, interval))
    for name, dodge in zip(names, dodges(len(names), 0.8 / len(names)), strict=True):
        points = sorted(lines[name], key=lambda point: point[0])
        if name == _BASELINE:
            for _, interval in points:
                _draw_baseline(axes, interval)
        elif points:
            colour, marker = styles[name]
            axes.errorbar(
                [counts.index(count) + dodge for count, _ in points],
                [interval.mean for _, interval in points],
                yerr=[interval.half_width for _, interval in points],
                color=colour,
                marker=marker,
                markersize=4,
                linewidth=1.3,
                elinewidth=0.9,
                capsize=2,
                label=name,
            )


def _draw_baseline(axes: "Axes", interval: Interval) -> None:
    axes.axhline(
        interval.mean, color=GREY, linestyle="--", linewidth=1.3, label=_BASELINE
    )
    if interval.n > 1:
        axes.axhspan(interval.low, interval.high, color=GREY, alpha=0.12, linewidth=0)
