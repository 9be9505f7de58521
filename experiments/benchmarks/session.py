"""All measurements of one call, ours and the peers'."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments.benchmarks.cases import Case
from experiments.benchmarks.peers import KIT_WORKLOADS
from experiments.benchmarks.records import Record
from experiments.benchmarks.running import Failure, run_case, run_kit

# A case with a void figure is measured so often, since other processes, or other
# machines on the same processor, come and go.
ATTEMPTS = 3


def measure(
    chosen: Sequence[Case],
    options: Sequence[str],
    kit: str | None,
    tell: Callable[[str], Any],
) -> tuple[list[Record], list[Failure]]:
    """Measures workload by workload, ours and then the peers'.

    A case of ours with a void figure is measured again, `ATTEMPTS` times in all, and
    its last figures count. The kit measures a workload as a whole, and once.

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

    def told(result: Record | Failure) -> Record | Failure:
        if isinstance(result, Failure):
            tell(f"{result.workload}, {result.name} failed: {result.reason}")
        else:
            tell(_line(result))
        return result

    def take(results: Sequence[Record | Failure]) -> None:
        failures.extend(r for r in results if isinstance(r, Failure))
        records.extend(r for r in results if isinstance(r, Record))

    for workload in dict.fromkeys(case.workload for case in chosen):
        for case in chosen:
            if case.workload == workload:
                earlier = [r for r in records if r.workload == workload]
                for _ in range(ATTEMPTS):
                    results = [told(r) for r in run_case(case, options, earlier)]
                    if not any(isinstance(r, Record) and r.is_void for r in results):
                        break
                take(results)
        if kit and workload in KIT_WORKLOADS:
            take([told(result) for result in run_kit(kit, workload)])
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
