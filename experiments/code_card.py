"""A code table as text that is read at a glance: what made it, and how good it is."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from moc_tf.code_statistics import CodeStatistics, measure_codes
from moc_tf.code_table import CodeTable

_WIDTH = 88
_BAR = 40  # characters


def code_card(table: CodeTable, statistics: CodeStatistics | None = None) -> str:
    """The card of a code table.

    Args:
      table: the codes. Its manifest gives what codes alone do not tell: what made
        them, and how they compare with the vectors.
      statistics: of its codes, where they are at hand.
    """
    found = statistics or measure_codes(table.codes, table.codebook_size)
    method = table.manifest.get("method")
    title = (
        f"{table.num_codebooks} x {table.codebook_size} codes of "
        f"{len(table):,} items" + (f", by {method}" if method else "")
    )
    parts = [
        f"{title}\n{'=' * len(title)}",
        _provenance(table),
        _figures(table, found),
        _codebooks(found, table.codebook_size),
        _buckets(found),
    ]
    if table.num_codebooks > 1:
        parts.append(matrix_text("NMI of codebooks", found.pairwise_nmi))
    return "\n\n".join(parts)


def _provenance(table: CodeTable) -> str:
    manifest = table.manifest
    told = {"num_codebooks", "codebook_size", "seed"}
    settings = dict(manifest.get("configuration") or {})
    fit = manifest.get("fit") or {}
    made_by = [str(manifest.get("method", "not recorded"))]
    if "seed" in settings:
        made_by.append(f"seed {settings['seed']}")
    if table.tables_per_code > 1:
        made_by.append(f"{table.tables_per_code} tables a code")
    if "items" in fit:
        made_by.append(f"fitted on {fit['items']:,} items")
    if "seconds" in fit:
        made_by[-1] += f" in {fit['seconds']:.1f} s"
    if extensions := manifest.get("extensions"):
        items = sum(extension["items"] for extension in extensions)
        made_by.append(
            f"then extended by {items:,} items, which relative error and neighbour "
            "recall leave out"
        )
    if seeds := manifest.get("shuffled_seeds"):
        made_by.append(f"then dealt out to other items, seeds {seeds}")
    vectors = [
        f"{manifest['input_dim']} dimensions" if "input_dim" in manifest else "",
        f"SHA-256 {manifest['vectors_sha256'][:16]}"
        if "vectors_sha256" in manifest
        else "",
    ]
    entries = {
        "made by": ", ".join(made_by),
        "settings": _listed({k: v for k, v in settings.items() if k not in told}),
        "versions": _listed(manifest.get("versions") or {}),
        "vectors": ", ".join(filter(None, vectors)),
        "codes": f"SHA-256 {table.sha256()[:16]}",
    }
    return "\n".join(
        textwrap.fill(
            text,
            _WIDTH,
            initial_indent=f"{name:<10}",
            subsequent_indent=" " * 10,
            break_on_hyphens=False,
        )
        for name, text in entries.items()
        if text
    )


def _listed(values: Mapping[str, Any]) -> str:
    def shown(value: Any) -> str:
        return "-".join(map(str, value)) if isinstance(value, list) else str(value)

    # Wrapping must not part a name from its value.
    return ", ".join(f"{k}\N{NO-BREAK SPACE}{shown(v)}" for k, v in values.items())


def against_vectors(table: CodeTable) -> Mapping[str, Any]:
    """The figures of a table's manifest that its codes alone do not give."""
    # Codes that were dealt out to other items have nothing to do with these.
    if table.manifest.get("shuffled_seeds"):
        return {}
    return table.manifest.get("quality") or {}


def _figures(table: CodeTable, found: CodeStatistics) -> str:
    against = against_vectors(table)
    lines = []
    if against.get("relative_error") is not None:
        lines.append(
            (
                "relative error",
                f"{against['relative_error']:.3f}",
                "0: decodes exactly; 1: no better than the mean vector",
            )
        )
    if against.get("neighbour_recall") is not None:
        lines.append(
            (
                "neighbour recall@10",
                f"{against['neighbour_recall']:.3f}",
                f"chance {against['chance_recall']:.4f}, among "
                f"{against['neighbour_items']:,} items",
            )
        )
    if found.mean_nmi is not None:
        lines.append(
            (
                "mean pairwise NMI",
                f"{found.mean_nmi:.3f}",
                f"chance {found.chance_nmi:.3f}; 1: all codebooks say the same",
            )
        )
    lines += [
        (
            "unique codes",
            f"{found.unique_codes:.1%}",
            "of the items share all their codes with no other",
        ),
        (
            "items a bucket",
            f"{found.mean_bucket:.2f}",
            f"mean of {found.distinct_tuples:,} buckets of equal codes; the largest "
            f"has {found.largest_bucket:,}",
        ),
    ]
    return "\n".join(f"{name:<20}{value:>7}   {note}" for name, value, note in lines)


def _codebooks(found: CodeStatistics, size: int) -> str:
    legend = "█ perplexity  ▒ further codes in use  · dead"
    lines = [f"codebook    used    dead  perplexity   {legend}"]
    figures = zip(found.usage, found.dead_codes, found.perplexity, strict=True)
    for n, (usage, dead, perplexity) in enumerate(figures):
        even = max(1, round(_BAR * perplexity / size))
        unused = -(-_BAR * dead // size)
        rare = max(_BAR - even - unused, 0)
        bar = ("█" * even + "▒" * rare + "·" * unused)[:_BAR]
        lines.append(f"{n:>8}{usage:>8.1%}{dead:>8,}{perplexity:>12.1f}   {bar}")
    return "\n".join(lines)


def _buckets(found: CodeStatistics) -> str:
    lines = ["bucket       items   share"]
    for power, items in enumerate(found.items_by_bucket):
        least, most = 2**power, 2 ** (power + 1) - 1
        name = str(least) if least == most else f"{least:,}-{most:,}"
        share = items / found.items
        bar = "█" * round(_BAR * share)
        lines.append(f"{name:<9}{items:>9,}{share:>8.1%}   {bar}".rstrip())
    return "\n".join(lines)


def matrix_text(title: str, rows: Sequence[Sequence[float]]) -> str:
    """A matrix of numbers in [0, 1], with the numbers of its rows and columns."""
    lines = [f"{title:<18}" + "".join(f"{n:>6}" for n in range(len(rows[0])))]
    for n, row in enumerate(rows):
        lines.append(f"{n:>18}" + "".join(f"{value:>6.2f}" for value in row))
    return "\n".join(lines)
