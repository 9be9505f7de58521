"""The tables and pictures of a suite of codes."""

from pathlib import Path

from experiments.reporting.code_grid import CodeCell, CodeGrid
from experiments.reporting.code_layouts import LAYOUTS
from experiments.reporting.entries import MISSING, Entry, mean_text
from experiments.reporting.grid import Setting
from experiments.reporting.pictures import SUFFIXES, Picture
from experiments.reporting.tables import Table


def code_tables(grid: CodeGrid) -> list[Table]:
    """A table a data set, a row a method and number of codes."""
    return [_table(grid, setting) for setting in grid.settings]


def draw_code_pictures(grid: CodeGrid, folder: Path) -> list[Picture]:
    """Draws the picture of each data set that has rows, as PNG and SVG.

    Args:
      grid: the cells.
      folder: where to write; made if missing.
    """
    layout = LAYOUTS[grid.suite]
    pictures = []
    for setting in grid.settings:
        rows = grid.rows_of(setting)
        if rows:
            path = folder / f"{layout.slug}_{setting.slug}"
            for suffix in SUFFIXES:
                layout.draw(rows, path.with_name(path.name + suffix))
            pictures.append(Picture(f"{layout.picture}: {setting.label}", path))
    return pictures


def _table(grid: CodeGrid, setting: Setting) -> Table:
    columns = LAYOUTS[grid.suite].columns
    cells = [cell for cell in grid.wanted if cell.setting == setting]
    return Table(
        f"{grid.name} on {setting.label}",
        f"{grid.name}-{setting.slug}",
        ["method", "codes", "seeds", *columns.values()],
        [_row(grid, cell) for cell in cells],
        2,
    )


def _row(grid: CodeGrid, cell: CodeCell) -> list[Entry]:
    seeds = len(grid.found.get(cell, ()))
    texts = [cell.method, str(cell.num_codes), str(seeds) if seeds else MISSING]
    texts += [
        mean_text(grid.interval(cell, figure)) for figure in LAYOUTS[grid.suite].columns
    ]
    return list(map(Entry, texts))
