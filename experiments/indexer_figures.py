"""Figures of indexing methods on one file of vectors, a row a method, N and seed."""

import dataclasses
import itertools
import json
import pathlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.reporting.entries import MISSING, mean_text
from experiments.reporting.rows import read_rows
from experiments.settings import INDEXERS
from moc_tf.data import ItemVectors
from moc_tf.evaluation import mean_interval
from moc_tf.indexing import make_indexer
from moc_tf.training.environment import package_versions
from moc_tf.training.run_directory import json_ready, write_text

_COLUMNS = {
    "method": "method",
    "num_codes": "codes",
    "relative_error": "relative error",
    "min_usage": "least usage",
    "mean_nmi": "NMI of codebooks",
    "unique_codes": "own codes",
    "neighbour_recall": "recall@10",
    "fit_cpu_seconds": "fit CPU s",
    "encode_cpu_seconds": "encode CPU s",
}


@dataclasses.dataclass(frozen=True)
class Cell:
    """A method at a number of codes and seed; `options` are those of `make_indexer`."""

    name: str
    method: str
    options: Mapping[str, Any]


def cells(
    names: Sequence[str],
    num_codes: Sequence[int],
    codebook_size: int,
    seeds: Sequence[int],
) -> list[Cell]:
    """The cells of a table, in its order; "vq" has one code whatever `num_codes`.

    Raises:
      ValueError: if a name or an option is not known, or a name or number is repeated.
    """
    for what, values in (("methods", names), ("num_codes", num_codes)):
        if len(set(values)) < len(values):
            raise ValueError(f"{what} must be all different. Received: {list(values)}.")
    found = []
    for name in names:
        method, options = INDEXERS.get(name, (name, {}))
        counts = [1] if method == "vq" else num_codes
        for count, seed in itertools.product(counts, seeds):
            of_cell = {
                **options,
                "num_codebooks": count,
                "codebook_size": codebook_size,
                "seed": seed,
            }
            if count == 1:  # a single codebook has no other to differ from
                of_cell.pop("diversity_weight", None)
            make_indexer(method, **of_cell)  # a bad option shows before any work
            found.append(Cell(name, method, of_cell))
    return found


def run(
    wanted: Sequence[Cell], items: ItemVectors, path: pathlib.Path
) -> Iterator[Mapping[str, Any]]:
    """Rows of `wanted`, in order; those that `path` holds are read, others appended.

    Args:
      wanted: the cells.
      items: the vectors; each method is fitted on all of them.
      path: JSON lines, rewritten after each row. A row that was measured with other
        versions of packages, or other defaults of the method, is replaced.

    Raises:
      ValueError: at once, if `path` holds something else.
    """
    return _measured(wanted, items, path, _read(path))


def _read(path: pathlib.Path) -> list[Mapping[str, Any]]:
    rows = read_rows(path) if path.exists() else []
    for row in rows:
        if not row.keys() >= {"method", "options", "vectors_sha256"}:
            raise ValueError(
                f"{path} must hold rows of indexers alone. Received: one of suite "
                f"{row.get('suite')!r}. Choose another folder, or remove the file if "
                "it is of no use any more."
            )
    return rows


def _measured(
    wanted: Sequence[Cell],
    items: ItemVectors,
    path: pathlib.Path,
    done: Sequence[Mapping[str, Any]],
) -> Iterator[Mapping[str, Any]]:
    vectors_sha256 = items.sha256()
    for cell in wanted:
        asked = {
            "method": cell.name,
            "options": json_ready(cell.options),
            "vectors_sha256": vectors_sha256,
        }
        config = make_indexer(cell.method, **cell.options).config
        key = {
            **asked,
            "configuration": json_ready(config),
            "package_versions": package_versions(),
        }
        row = next((row for row in done if _has(row, key)), None)
        if row is None:
            row = {**key, **_figures(cell, items)}
            done = [*(other for other in done if not _has(other, asked)), row]
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, "".join(json.dumps(row) + "\n" for row in done))
        yield row


def _has(row: Mapping[str, Any], entries: Mapping[str, Any]) -> bool:
    return all(row.get(key) == value for key, value in entries.items())


def _figures(cell: Cell, items: ItemVectors) -> dict[str, Any]:
    indexer = make_indexer(cell.method, **cell.options)
    started, cpu_started = time.perf_counter(), time.process_time()
    indexer.fit(items.vectors)
    fitted, cpu_fitted = time.perf_counter(), time.process_time()
    indexer.encode(items.vectors)
    encoded, cpu_encoded = time.perf_counter(), time.process_time()
    quality = indexer.quality(items.vectors)
    return {
        "num_codes": cell.options["num_codebooks"],
        "seed": cell.options["seed"],
        **quality.row(),
        "fit_seconds": round(fitted - started, 2),
        "encode_seconds": round(encoded - fitted, 3),
        "fit_cpu_seconds": round(cpu_fitted - cpu_started, 2),
        "encode_cpu_seconds": round(cpu_encoded - cpu_fitted, 3),
    }


def line(row: Mapping[str, Any]) -> str:
    """A row on one line of a terminal."""
    return (
        f"{row['method']:<12} codes {row['num_codes']:<2} "
        f"seed {row['options']['seed']}  error "
        f"{_shown(row['relative_error']):>6}  {row['fit_seconds']:.1f} s"
    )


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a Markdown table, seeds as mean ± half of its 95 % interval."""
    alike: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        alike.setdefault((row["method"], row["num_codes"]), []).append(row)
    lines = [list(_COLUMNS.values())]
    for labels, of_seeds in alike.items():
        figures = [_over_seeds(of_seeds, key) for key in list(_COLUMNS)[2:]]
        lines.append([*map(str, labels), *figures])
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    padded = (
        [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        for cells in lines
    )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in padded)


def write_table(path: pathlib.Path, items: ItemVectors, text: str) -> None:
    """Writes the table with a line on what it was measured on."""
    count, width = items.vectors.shape
    title = f"Indexing methods on {count:,} vectors of {width} dimensions."
    write_text(path, f"{title}\n\n{text}\n")


def _over_seeds(rows: Sequence[Mapping[str, Any]], key: str) -> str:
    values = [row[key] for row in rows if row[key] is not None]
    return mean_text(mean_interval(values) if values else None, ".3f")


def _shown(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"
