"""What tables a suite has, and what stands in them, in no format yet."""

import dataclasses
from collections.abc import Sequence

from experiments.reporting.commands import command_of
from experiments.reporting.entries import (
    MISSING,
    Entry,
    difference_text,
    mean_text,
    p_text,
    plain_mean,
    value_text,
)
from experiments.reporting.expected import NUM_SEEDS
from experiments.reporting.grid import Cell, Configuration, Grid, Setting
from experiments.reporting.rows import Row, scalar_columns
from moc_tf.evaluation import REFERENCES, ContrastedSummary

COMMAND = "command"
_ABUNDANCE = "information_abundance"  # shown where a suite has any
_COSTS = {  # head -> metric of the rows, format of its mean
    "parameters": ("num_parameters", ",.0f"),
    "epochs": ("num_epochs", ".1f"),
    "seconds": ("train_seconds", ".1f"),
}


@dataclasses.dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
      title: above it.
      anchor: names it within a page.
      heads: of the columns.
      rows: the entries, a row each.
      num_labels: how many columns, from the first, say what a row is of.
      row_anchors: name the rows within a page; empty if none is named.
    """

    title: str
    anchor: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Entry]]
    num_labels: int = 1
    row_anchors: Sequence[str] = ()


def overview(grid: Grid, model: str) -> Table:
    """AUC and its difference to "none": a row a configuration, a column a data set."""
    configurations = grid.configurations_of(model)
    settings = grid.settings_of(model)
    heads, labels = labels_of(configurations)
    rows = []
    for configuration, label in zip(configurations, labels, strict=True):
        row = [Entry(text) for text in label]
        for setting in settings:
            found = grid.get(setting, model, configuration)
            if found is None:
                row.append(Entry(MISSING))
                continue
            versus = found.contrasts.get("none")
            note = "" if versus is None else difference_text(versus)
            target = row_anchor(grid, Cell(setting, model, configuration))
            auc = mean_text(found.summary.metrics.get("auc"))
            row.append(Entry(auc, note, target))
        rows.append(row)
    return Table(
        f"{model}: AUC, and difference to none",
        f"{grid.name}-{model}",
        [*heads, *(setting.label for setting in settings)],
        rows,
        len(heads),
    )


def details(grid: Grid, model: str, setting: Setting) -> Table:
    """All there is to tell of a ranker on a data set, a row a configuration."""
    wanted = [c for c in grid.wanted if (c.setting, c.model) == (setting, model)]
    heads, labels = labels_of([cell.configuration for cell in wanted])
    extra = [_ABUNDANCE] * any(
        _ABUNDANCE in each.summary.metrics for each in grid.found.values()
    )
    return Table(
        f"{model} on {setting.label}",
        f"{grid.name}-{model}-{setting.slug}",
        [
            *heads,
            "seeds",
            "AUC",
            *(f"Δ AUC to {name}" for name in REFERENCES),
            *("AUC, new items", "AUC, tail items", "log loss"),
            *(metric.replace("_", " ") for metric in extra),
            *_COSTS,
            COMMAND,
        ],
        [
            [*map(Entry, label), *_figures(grid, cell, extra)]
            for cell, label in zip(wanted, labels, strict=True)
        ],
        len(heads),
        [row_anchor(grid, cell) for cell in wanted],
    )


def plain_table(name: str, rows: Sequence[Row]) -> Table:
    """Rows that are not of rankers, as they are."""
    columns = scalar_columns(rows)
    cells = [[Entry(value_text(row.get(key))) for key in columns] for row in rows]
    return Table(name, f"{name}-rows", columns, cells)


def all_tables(grid: Grid) -> list[Table]:
    """The tables of a suite: of each ranker the overview, then a data set each."""
    return [
        table
        for model in grid.models
        for table in (
            overview(grid, model),
            *(details(grid, model, setting) for setting in grid.settings_of(model)),
        )
    ]


def row_anchor(grid: Grid, cell: Cell) -> str:
    """Names the row of a cell within a page."""
    parts = (grid.name, cell.model, cell.setting.slug, cell.configuration.slug)
    return "-".join(parts)


def command_for(grid: Grid, cell: Cell) -> str | None:
    """What to type to run a cell again, or for the first time."""
    found = grid.found.get(cell)
    seeds = found.summary.seeds if found else range(grid.num_seeds or NUM_SEEDS)
    return command_of(cell, seeds)


def _figures(grid: Grid, cell: Cell, extra: Sequence[str]) -> list[Entry]:
    command = Entry(MISSING, command=command_for(grid, cell) or "")
    found = grid.found.get(cell)
    if found is None:
        return [Entry(MISSING)] * (5 + len(REFERENCES) + len(extra) + len(_COSTS)) + [
            command
        ]
    metrics = found.summary.metrics
    return [
        Entry(str(len(found.summary.seeds))),
        Entry(mean_text(metrics.get("auc"))),
        *(_versus(found, name) for name in REFERENCES),
        Entry(mean_text(metrics.get("auc_new_items"))),
        Entry(mean_text(metrics.get("auc_tail_items"))),
        Entry(mean_text(metrics.get("logloss"))),
        *(Entry(mean_text(metrics.get(metric), ".2f")) for metric in extra),
        *(Entry(plain_mean(metrics.get(key), form)) for key, form in _COSTS.values()),
        command,
    ]


def _versus(found: ContrastedSummary, name: str) -> Entry:
    versus = found.contrasts.get(name)
    return Entry(difference_text(versus), p_text(versus))


def labels_of(
    configurations: Sequence[Configuration],
) -> tuple[list[str], list[list[str]]]:
    """Headings and cells that say what a row is of, no more than it takes."""
    with_variant = any(c.variant for c in configurations)
    with_fusion = len({c.fusion for c in configurations if c.has_fusion}) > 1
    heads = ["method", "codes"]
    heads += ["variant"] * with_variant + ["fusion"] * with_fusion
    labels = []
    for c in configurations:
        label = [c.method, str(c.num_codes)]
        label += [c.variant or MISSING] * with_variant
        label += [c.fusion if c.has_fusion else MISSING] * with_fusion
        labels.append(label)
    return heads, labels
