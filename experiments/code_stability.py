"""Code tables of the same items, such as of several seeds, beside one another."""

import itertools
from collections.abc import Mapping

import numpy as np

from experiments.code_card import against_vectors, matrix_text
from moc_tf.code_statistics import CodeStability, measure_codes, measure_stability
from moc_tf.code_table import CodeTable


def compare_tables(
    tables: Mapping[str, CodeTable],
) -> dict[tuple[str, str], CodeStability]:
    """How alike the codes of each two tables are, by their names.

    Args:
      tables: by name, of the same items in any order, with as many codes an item.

    Raises:
      ValueError: if they have not the same items, or not as many codes.
    """
    (first, reference), *others = tables.items()
    aligned = {first: reference.codes}
    for name, table in others:
        missing = np.setxor1d(reference.item_ids, table.item_ids)
        if missing.size:
            raise ValueError(
                "Stability compares code tables of the same items. Received: "
                f"{first} and {name}, of which only one has {missing.size} items, "
                f"such as {str(missing[0])!r}."
            )
        aligned[name] = table.lookup(reference.item_ids)
    return {
        (a, b): measure_stability(aligned[a], aligned[b])
        for a, b in itertools.combinations(aligned, 2)
    }


def comparison_text(tables: Mapping[str, CodeTable]) -> str:
    """Several code tables, by name, beside one another: a line each."""
    width = max(map(len, tables))
    heads = ["rel. error", "recall@10", "NMI", "chance", "unique", "perplexity"]
    lines = [" " * width + "".join(f"{head:>12}" for head in heads)]
    for name, table in tables.items():
        found = measure_codes(table.codes, table.codebook_size)
        against = against_vectors(table)
        figures = [
            _number(against.get("relative_error")),
            _number(against.get("neighbour_recall")),
            _number(found.mean_nmi),
            _number(found.chance_nmi),
            f"{found.unique_codes:.1%}",
            f"{np.mean(found.perplexity):.1f}",
        ]
        lines.append(f"{name:<{width}}" + "".join(f"{f:>12}" for f in figures))
    return "\n".join(lines)


def stability_text(found: Mapping[tuple[str, str], CodeStability]) -> str:
    """How alike the codes of several tables are, by the names of two.

    The matrix of NMI is shown where there are two tables.
    """
    first = max(len(a) for a, _ in found)
    second = max(len(b) for _, b in found)
    lines = [
        "Stability: codebooks of two tables matched for the largest sum of NMI",
        " " * (first + second + 2) + "    mean NMI      chance    mean AMI",
    ]
    rows = [(s.mean_nmi, s.chance_nmi, s.mean_ami) for s in found.values()]
    for (a, b), row in zip(found, rows, strict=True):
        figures = "".join(f"{figure:>12.3f}" for figure in row)
        lines.append(f"{a:<{first}}  {b:<{second}}{figures}")
    if len(rows) > 1:
        figures = "".join(f"{figure:>12.3f}" for figure in np.mean(rows, axis=0))
        lines.append(f"{'mean':<{first + second + 2}}{figures}")
        return "\n".join(lines)
    [((a, b), stability)] = found.items()
    pairs = ", ".join(f"{n} with {match}" for n, match in enumerate(stability.matches))
    lines.append(f"Matched: {pairs}.")
    matrix = matrix_text("NMI of codebooks", stability.nmi)
    return "\n".join([*lines, "", f"Rows: {a}; columns: {b}", matrix])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
