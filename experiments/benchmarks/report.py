"""The table of a benchmark, for people, and its files."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.benchmarks.comparison import Row, compare
from experiments.benchmarks.extrapolation import extrapolation
from experiments.benchmarks.joining import Results, join
from experiments.benchmarks.records import Record, read_records
from experiments.benchmarks.running import Failure
from experiments.benchmarks.targets import Verdict, judge

_COLUMNS = (
    "workload, case",
    "metric",
    "ours",
    "spread",
    "best peer",
    "its figure",
    "ratio",
    "floor",
    "of floor",
    "threads",
    "others' CPU",
)
_TOLD = ("batch", "request", "size", "what", "dataset", "m", "k", "n", "dtype")
LEGEND = """\
A figure is the median of its repeats, spread the largest less the smallest of them over
it. Ratio: how many times better than the best peer that does the same work in the same
precision; above 1 is better, for times and errors too. Floor: the rate at which the
matrix products alone would go, at the speed of a product of 4096 x 4096 matrices in
that precision, though some stay in float32 under bfloat16. Others' CPU: share of the
machine's CPU time that other processes took; above 5 % a figure is void."""
_RESULTS, _FAILURES = "results.jsonl", "failures.jsonl"
_MACHINE, _TABLE = "machine.json", "table.md"


class ResultsError(ValueError):
    """A folder holds results that these cannot be joined to."""


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table that is also readable as it stands."""
    return _markdown(_COLUMNS, [_cells(row) for row in rows])


def targets_table(verdicts: Sequence[Verdict]) -> str:
    """What was aimed at, and what came of it."""
    cells = []
    for verdict in verdicts:
        target = verdict.target
        wanted = f">= {target.at_least:g}" if target.at_least is not None else ""
        if target.at_most is not None:
            wanted = f"<= {target.at_most:g}"
        shown = "-" if verdict.figure is None else f"{verdict.figure:.3g}"
        met = {True: "met", False: "not met", None: "not measured"}[verdict.met]
        of = target.of if target.over is None else "quotient"
        cells.append([target.about, of, wanted, shown, met])
    return _markdown(("target", "of", "wanted", "measured", ""), cells)


def report(
    records: Sequence[Record], failures: Sequence[Failure], machine: Mapping[str, Any]
) -> str:
    """All there is to tell, as Markdown."""
    rows = compare(records)
    parts = [describe_machine(machine), table(rows), LEGEND]
    if verdicts := judge(rows):
        parts.append(targets_table(verdicts))
    parts += [
        f"Not measured: {failure.workload}, {failure.name}: {failure.reason}"
        for failure in failures
    ]
    if text := extrapolation(records):
        parts.append(text)
    return "\n\n".join(parts) + "\n"


def describe_machine(machine: Mapping[str, Any]) -> str:
    """A sentence on what it was measured on."""
    versions = machine["package_versions"]
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{machine['processor'] or 'An unknown processor'}, {machine['cores']} cores, "
        f"{machine['memory_gb']} GB of memory, Python {machine['python']}; {packages}."
    )


def spoilt(records: Sequence[Record], failures: Sequence[Failure]) -> str:
    """Why the figures are not what they should be; "" if they are."""
    void = [record for record in records if record.is_void]
    parts = []
    if void:
        parts.append(
            f"{len(void)} of {len(records)} figures are void, because other processes "
            "used the CPU meanwhile. Measure them again on a quiet machine."
        )
    if failures:
        parts.append(f"{len(failures)} measurements failed.")
    return " ".join(parts)


def write_results(
    folder: Path,
    records: Sequence[Record],
    failures: Sequence[Failure],
    machine: Mapping[str, Any],
) -> None:
    """Writes results.jsonl, failures.jsonl, machine.json and, last, table.md.

    What is not measured now stays as the folder has it, so that a benchmark can be
    measured workload by workload; see `joining.join`. Pictures come before the table.

    Raises:
      ResultsError: if the folder's results are of another machine or other packages.
    """
    from experiments.benchmarks.growth_plot import plot_growth
    from experiments.benchmarks.pictures import plot_ratios
    from moc_tf.training.run_directory import write_text

    folder.mkdir(parents=True, exist_ok=True)
    if (folder / _MACHINE).is_file():
        known = json.loads((folder / _MACHINE).read_text(encoding="utf-8"))
        if known != machine:
            raise ResultsError(
                f"Figures of different machines or packages cannot stand in one table. "
                f"{folder} has those of {known}. Received: {machine}. Choose another "
                "folder, or remove this one to measure everything anew."
            )
    joined = join(earlier_results(folder), Results(records, failures))
    lines = "".join(f"{record.line()}\n" for record in joined.records)
    failed = [json.dumps(dataclasses.asdict(f)) + "\n" for f in joined.failures]
    write_text(folder / _RESULTS, lines)
    write_text(folder / _FAILURES, "".join(failed))
    write_text(folder / _MACHINE, json.dumps(machine, indent=2) + "\n")
    rows = compare(joined.records)
    if any(row.ratio for row in rows):
        plot_ratios(rows, folder / "ratios.png")
    if grown := [record for record in joined.records if record.workload == "growth"]:
        plot_growth(grown, folder / "growth.png")
    write_text(folder / _TABLE, report(joined.records, joined.failures, machine))


def earlier_results(folder: Path) -> Results:
    """The figures and failures that a folder of results has."""
    results, failures = (
        path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        for path in (folder / _RESULTS, folder / _FAILURES)
    )
    return Results(
        read_records(results), [Failure(**json.loads(line)) for line in failures]
    )


def _cells(row: Row) -> list[str]:
    ours, peer = row.ours, row.peer
    config = [f"{k} {ours.config[k]}" for k in _TOLD if k in ours.config]
    return [
        ", ".join([ours.workload, str(ours.config.get("case", "")), *config]),
        ours.metric,
        _figure(ours),
        _percent(ours.spread, 1),
        "-" if peer is None else _name(peer),
        "-" if peer is None else _figure(peer),
        "-" if row.ratio is None else f"{row.ratio:.2f}",
        "-" if row.floor is None else _number(row.floor),
        _percent(row.share),
        str(ours.threads),
        "?" if ours.other_cpu is None else _percent(ours.other_cpu, 1),
    ]


def _figure(record: Record) -> str:
    if record.is_void:
        return f"void: other processes took {_percent(record.other_cpu)} of the CPU"
    return _number(record.value)


def _name(peer: Record) -> str:
    details = [peer.config.get(key) for key in ("quantizer", "mode", "update")]
    return ", ".join([peer.peer, *(str(detail) for detail in details if detail)])


def _percent(share: float | None, digits: int = 0) -> str:
    return "-" if share is None else f"{100 * share:.{digits}f} %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(heads), *map(list, rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    padded = (
        [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        for cells in lines
    )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in padded)
