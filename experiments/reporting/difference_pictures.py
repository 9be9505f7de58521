"""The pictures of paired differences: to each reference, and by group of items."""

import os
from collections.abc import Callable, Mapping, Sequence

from experiments.reporting.panels import (
    Panel,
    dodges,
    name_with_codes,
    order,
    shape,
    unfused,
)
from moc_tf.evaluation import ITEM_GROUPS, REFERENCES, ContrastedSummary, Interval
from moc_tf.evaluation.figure_file import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    checked_target,
    figure_file,
)

# What a point shows: the difference, and whether it is told from 0.
Point = tuple[Interval, bool]
Series = Mapping[str, Callable[[ContrastedSummary], Point | None]]


def plot_forest(panels: Sequence[Panel], path: str | os.PathLike[str]) -> None:
    """Draws the differences in AUC to each reference, a line a configuration.

    Points are filled where the adjusted p-value is below 0.05.

    Args:
      panels: of one data set; at least one has a difference, see `has_differences`.
      path: the file, ending in .png or .svg; replaced in one step.
    """
    series = {f"to {name}": _to_reference(name) for name in REFERENCES}
    label = "difference in AUC, 95 % interval (filled: significant after correction)"
    _plot(panels, path, series, label)


def plot_gains(panels: Sequence[Panel], path: str | os.PathLike[str]) -> None:
    """Draws the gain in AUC over none on each group of items.

    Points are filled where the interval, which is of one difference, excludes 0.

    Args:
      panels: of one data set; at least one has a gain, see `has_gains`.
      path: the file, ending in .png or .svg; replaced in one step.
    """
    series = {f"{group} items": _on_group(group) for group in ITEM_GROUPS}
    label = "gain in AUC over none, 95 % interval (filled: it excludes 0)"
    _plot(panels, path, series, label)


def has_differences(panels: Sequence[Panel]) -> bool:
    """Whether there is anything for `plot_forest` to draw."""
    return any(each.contrasts for panel in panels for each in panel.results.values())


def has_gains(panels: Sequence[Panel]) -> bool:
    """Whether there is anything for `plot_gains` to draw."""
    return any(
        _on_group(group)(each)
        for panel in panels
        for each in panel.results.values()
        for group in ITEM_GROUPS
    )


def _to_reference(name: str) -> Callable[[ContrastedSummary], Point | None]:
    def point(result: ContrastedSummary) -> Point | None:
        versus = result.contrasts.get(name)
        if versus is None:
            return None
        return versus.differences["auc"], versus.verdict in ("higher", "lower")

    return point


def _on_group(group: str) -> Callable[[ContrastedSummary], Point | None]:
    def point(result: ContrastedSummary) -> Point | None:
        versus = result.contrasts.get("none")
        difference = versus and versus.differences.get(f"auc_{group}_items")
        if not difference:
            return None
        return difference, difference.verdict in ("higher", "lower")

    return point


def _plot(
    panels: Sequence[Panel],
    path: str | os.PathLike[str],
    series: Series,
    label: str,
) -> None:
    target = checked_target(path)
    lines = [
        configuration
        for configuration in order(panels)
        if any(
            draw(result)
            for panel in panels
            for found, result in panel.results.items()
            if unfused(found) == configuration
            for draw in series.values()
        )
    ]
    places = {configuration: -place for place, configuration in enumerate(lines)}
    rows, columns = shape(len(panels))
    height = 1.2 + rows * (0.6 + 0.32 * len(lines))
    with figure_file(target, 2.2 + 3.2 * columns, height) as figure:
        every = figure.subplots(
            rows, columns, squeeze=False, sharex=True, sharey=True
        ).ravel()
        handles = {}
        for axes, panel in zip(every, panels, strict=False):
            looks = zip((BLUE, ORANGE, GREEN, GREY), "os^D", strict=True)
            for (name, draw), dodge, (colour, marker) in zip(
                series.items(), dodges(len(series), -0.18), looks, strict=False
            ):
                for configuration, result in panel.results.items():
                    if (point := draw(result)) is None:
                        continue
                    interval, filled = point
                    handles[name] = axes.errorbar(
                        interval.mean,
                        places[unfused(configuration)] + dodge,
                        xerr=interval.half_width,
                        color=colour,
                        marker=marker,
                        markersize=4.5,
                        markerfacecolor=colour if filled else "white",
                        elinewidth=1.0,
                        linewidth=0,
                        capsize=1.5,
                    )
            axes.axvline(0, color=GREY, linewidth=0.8)
            axes.set_title(panel.title, fontsize=10)
            axes.set_yticks(
                list(places.values()), list(map(name_with_codes, places)), fontsize=8
            )
            # Few, for their labels are long.
            axes.locator_params(axis="x", nbins=5)
            axes.tick_params(axis="x", labelsize=8)
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="x", color=PALE, linewidth=0.8)
            axes.set_axisbelow(True)
        for place, axes in enumerate(every):
            if place >= len(panels):
                axes.set_axis_off()
            # Of a column, the lowest panel with anything in it has the scale.
            elif place + columns >= len(panels):
                axes.tick_params(labelbottom=True)
        figure.supxlabel(label, fontsize=9)
        names = [name for name in series if name in handles]
        figure.legend(
            [handles[name] for name in names],
            names,
            loc="outside upper center",
            ncols=len(names),
            frameon=False,
            fontsize=9,
        )
