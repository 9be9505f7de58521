"""Figures of indexing methods on one file of vectors, a row a method and N."""

import dataclasses
import json
import pathlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.settings import INDEXERS
from moc_tf.data import ItemVectors
from moc_tf.indexing import make_indexer
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
    """One method at one number of codes; `options` are those of `make_indexer`."""

    name: str
    method: str
    options: Mapping[str, Any]


def cells(
    names: Sequence[str], num_codes: Sequence[int], codebook_size: int, seed: int
) -> list[Cell]:
    """The cells of a table, in its order; "vq" has one code whatever `num_codes`.

    Raises:
      ValueError: if a name or an option is not known.
    """
    found = []
    for name in names:
        method, options = INDEXERS.get(name, (name, {}))
        for count in [1] if method == "vq" else num_codes:
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
) -> Iterator[dict[str, Any]]:
    """Rows of `wanted`, in order; those that `path` holds are read, others appended.

    Args:
      wanted: the cells.
      items: the vectors; each method is fitted on all of them.
      path: JSON lines, rewritten after each row.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.read_text().splitlines() if path.exists() else []
    done = [json.loads(line) for line in lines]
    vectors_sha256 = items.sha256()
    for cell in wanted:
        key = {
            "method": cell.name,
            "options": json_ready(cell.options),
            "vectors_sha256": vectors_sha256,
        }
        row = next((r for r in done if all(r[k] == v for k, v in key.items())), None)
        if row is None:
            row = {**key, **_figures(cell, items)}
            done.append(row)
            write_text(path, "".join(json.dumps(r) + "\n" for r in done))
        yield row


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
        **quality.row(),
        "fit_seconds": round(fitted - started, 2),
        "encode_seconds": round(encoded - fitted, 3),
        "fit_cpu_seconds": round(cpu_fitted - cpu_started, 2),
        "encode_cpu_seconds": round(cpu_encoded - cpu_fitted, 3),
    }


def line(row: Mapping[str, Any]) -> str:
    """A row on one line of a terminal."""
    return (
        f"{row['method']:<12} codes {row['num_codes']:<2}  error "
        f"{_shown(row['relative_error']):>6}  {row['fit_seconds']:.1f} s"
    )


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = [list(_COLUMNS.values())]
    lines += [[_shown(row[key]) for key in _COLUMNS] for row in rows]
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


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
