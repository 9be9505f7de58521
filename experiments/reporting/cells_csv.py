"""The cells as CSV: a line each, with every figure in full."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

from experiments.reporting.code_grid import CodeGrid
from experiments.reporting.code_layouts import LAYOUTS
from experiments.reporting.grid import Cell, Grid
from experiments.reporting.rows import Row, scalar_columns
from experiments.reporting.tables import command_for
from moc_tf.evaluation import COSTS, REFERENCES, Interval

_COMPARED = (
    *("auc", "auc_new_items", "auc_tail_items", "auc_middle_items", "auc_head_items"),
    *("logloss", "information_abundance"),
)
_ENDS = ("mean", "low", "high")


def cells_csv(grid: Grid) -> str:
    """All cells of a suite; what is not there is left empty.

    Columns: what the cell is of; its seeds; each metric's mean and the ends of its
    95 % interval; the same of the difference to each reference in each metric but the
    costs, with p-value and, of AUC, the adjusted one; the command.
    """
    rows = [_row(grid, cell) for cell in grid.wanted]
    return _written(list(rows[0]) if rows else [], rows)


def code_cells_csv(grid: CodeGrid) -> str:
    """All cells of a suite of codes; what is not there is left empty.

    Columns: what the cell is of; its seeds; the mean of each column of the suite's
    table and the ends of its 95 % interval.
    """
    rows = []
    for cell in grid.wanted:
        seeds = [row["seed"] for row in grid.found.get(cell, ())]
        row: dict[str, Any] = {
            "dataset": cell.setting.dataset,
            "protocol": cell.setting.protocol,
            "method": cell.method,
            "num_codes": cell.num_codes,
            "seeds": " ".join(map(str, seeds)),
        }
        for figure in LAYOUTS[grid.suite].columns:
            row |= _ends(figure, grid.interval(cell, figure))
        rows.append(row)
    return _written(list(rows[0]), rows)


def rows_csv(rows: Sequence[Row]) -> str:
    """Rows that are not of rankers, as they are."""
    columns = scalar_columns(rows)
    cells = [{key: _blank(row.get(key)) for key in columns} for row in rows]
    return _written(columns, cells)


def _row(grid: Grid, cell: Cell) -> dict[str, Any]:
    found = grid.found.get(cell)
    row: dict[str, Any] = {
        **cell.setting._asdict(),
        "model": cell.model,
        **cell.configuration._asdict(),
        "seeds": " ".join(map(str, found.summary.seeds)) if found else "",
    }
    for metric in (*_COMPARED, *COSTS):
        row |= _ends(metric, found.summary.metrics.get(metric) if found else None)
    for name in REFERENCES:
        versus = found.contrasts.get(name) if found else None
        for metric in _COMPARED:
            difference = versus.differences.get(metric) if versus else None
            prefix = f"{metric}_less_{name}"
            row |= _ends(prefix, difference)
            row[f"{prefix}_p"] = _blank(difference.p_value if difference else None)
        adjusted = versus.adjusted_p_value if versus else None
        row[f"auc_less_{name}_p_adjusted"] = _blank(adjusted)
    row["command"] = command_for(grid, cell) or ""
    return row


def _ends(prefix: str, interval: Interval | None) -> dict[str, Any]:
    return {
        f"{prefix}_{end}": _blank(getattr(interval, end) if interval else None)
        for end in _ENDS
    }


def _blank(value: Any) -> Any:
    """What CSV has: the number in full, or nothing."""
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    if missing:
        return ""
    return repr(float(value)) if isinstance(value, float) else value


def _written(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
