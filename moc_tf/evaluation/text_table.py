"""Cells as an aligned table of text."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

Cell = str | float | None
Style = Literal["plain", "markdown"]
MISSING = "-"


def format_table(
    rows: Sequence[Mapping[str, Cell]], columns: Sequence[str], style: Style = "plain"
) -> str:
    """Writes rows as an aligned table.

    Args:
      rows: column -> cell. Numbers are written with four digits, integers in full;
        what is None, NaN or absent becomes "-".
      columns: what to show, in order; also the headings.
      style: "plain" for a terminal, "markdown" for a document.

    Returns:
      The lines of the table, joined; columns of numbers are aligned to the right.

    Raises:
      ValueError: if there is no column, or `style` is another one.
    """
    cells = [[row.get(column) for column in columns] for row in rows]
    return format_cells(cells, columns, style)


def format_cells(
    rows: Sequence[Sequence[Cell]], heads: Sequence[str], style: Style = "plain"
) -> str:
    """Does the same for rows in which a cell goes by its place: heads may be equal.

    Args:
      rows: as many cells each as there are heads.
      heads: the headings.
      style: as `format_table` has it.

    Raises:
      ValueError: as `format_table`.
    """
    if not heads:
        raise ValueError("A table needs at least one column. Received: none.")
    if style not in ("plain", "markdown"):
        raise ValueError(f"style must be 'plain' or 'markdown'. Received: {style!r}.")
    cells = [[_text(cell) for cell in row] for row in rows]
    if style == "markdown":
        cells = [[cell.replace("|", "\\|") for cell in line] for line in cells]
    columns = list(zip(heads, *cells, strict=True))
    widths = [max(map(len, column)) for column in columns]
    to_right = [_is_numeric(column[1:]) for column in columns]
    aligned = [
        [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, to_right, strict=True)
        ]
        for line in [list(heads), *cells]
    ]
    rule = [
        "-" * (width - 1) + (":" if right and style == "markdown" else "-")
        for width, right in zip(widths, to_right, strict=True)
    ]
    aligned.insert(1, rule)
    if style == "markdown":
        return "\n".join(f"| {' | '.join(line)} |" for line in aligned)
    return "\n".join("  ".join(line).rstrip() for line in aligned)


def is_missing(value: Any) -> bool:
    """Whether there is no value, which is None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _text(cell: Cell) -> str:
    if is_missing(cell):
        return MISSING
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _is_numeric(cells: Sequence[str]) -> bool:
    present = [cell for cell in cells if cell != MISSING]
    return bool(present) and all(cell.lstrip("+-")[:1].isdigit() for cell in present)
