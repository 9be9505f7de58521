"""All measurements of one call, ours and the peers'."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments.benchmarks.cases import Case
from experiments.benchmarks.peers import KIT_WORKLOADS
from experiments.benchmarks.records import Record
from experiments.benchmarks.running import Failure, run_case, run_kit


def measure(
    chosen: Sequence[Case],
    options: Sequence[str],
    kit: str | None,
    tell: Callable[[str], Any],
) -> tuple[list[Record], list[Failure]]:
    """Measures workload by workload, ours and then the peers'.

    Args:
      chosen: cases, those of a workload together.
      options: further flags of each case's process.
      kit: folder of the peers' kit; None measures ours alone.
      tell: takes a line on each figure as it comes.

    Returns:
      Records, and what could not be measured.
    """
    records: list[Record] = []
    failures: list[Failure] = []

    def take(result: Record | Failure) -> None:
        if isinstance(result, Failure):
            failures.append(result)
            tell(f"{result.workload}, {result.name} failed: {result.reason}")
        else:
            records.append(result)
            tell(_line(result))

    for workload in dict.fromkeys(case.workload for case in chosen):
        for case in chosen:
            if case.workload == workload:
                earlier = [r for r in records if r.workload == workload]
                for result in run_case(case, options, earlier):
                    take(result)
        if kit and workload in KIT_WORKLOADS:
            for result in run_kit(kit, workload):
                take(result)
    return records, failures


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory, packages and variables that change speed."""
    from moc_tf.training import describe_environment

    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {**describe_environment(), "memory_gb": round(size / 2**30, 1)}


def write_lines(path: Path, records: Sequence[Record]) -> None:
    """Writes a record a line, replacing the file in one step."""
    from moc_tf.training.run_directory import write_text

    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(f"{record.line()}\n" for record in records))


def _line(record: Record) -> str:
    what = record.config.get("case") or " ".join(map(str, record.config.values()))
    void = " VOID" if record.is_void else ""
    return (
        f"{record.peer:<24} {record.workload:<18} {record.metric:<16} "
        f"{record.value:>12,.5g}  {what}{void}"
    )
