"""Shares of operations as a table, a row a case."""

from collections.abc import Mapping, Sequence

from experiments.benchmarks.op_profile import Share


def profile_table(profiles: Mapping[tuple[str, str], Sequence[Share]]) -> str:
    """Markdown: cases by (workload, name) in rows, kinds of operations in columns.

    The kind with the largest share of all comes first.
    """
    weights: dict[str, float] = {}
    for shares in profiles.values():
        for share in shares:
            weights[share.kind] = weights.get(share.kind, 0.0) + share.share
    kinds = sorted(weights, key=lambda kind: -weights[kind])
    lines = [
        "| workload | case | " + " | ".join(kinds) + " |",
        "|---|---|" + "---:|" * len(kinds),
    ]
    for (workload, name), shares in profiles.items():
        of_kind = {share.kind: share.share for share in shares}
        cells = [f"{of_kind.get(kind, 0.0):.0%}" for kind in kinds]
        lines.append(f"| {workload} | {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
