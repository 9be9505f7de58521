"""What a folder of results keeps when some of it is measured anew."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from experiments.benchmarks.cases import WORKLOADS
from experiments.benchmarks.records import FLOOR, OURS, Record
from experiments.benchmarks.running import KIT, Failure

_OLDER = "(Its figures here are of an earlier call.)"


class Results(NamedTuple):
    """What one call or several have measured.

    Attributes:
      records: figures.
      failures: what could not be measured, or not all of it.
    """

    records: Sequence[Record]
    failures: Sequence[Failure]


def join(earlier: Results, new: Results) -> Results:
    """Both, in the order of the workloads and their cases.

    `new` replaces the figures of ours case by case, and the peers' of a workload, and
    its floors, where it has any. What failed now keeps all its figures of before, if
    there are any, and its failure says so; a failure of before stays until its case is
    measured. What is of a case or workload that does not exist any more is left out.
    """
    old = [record for record in earlier.records if _exists(*_source(record))]
    had = {_source(record) for record in old}
    failed = {source for failure in new.failures for source in _sources(failure)}
    fresh = [
        record
        for record in new.records
        if _exists(*_source(record)) and _source(record) not in failed & had
    ]
    measured = {_source(record) for record in fresh}
    kept = [record for record in old if _source(record) not in measured]
    pending = [
        failure
        for failure in earlier.failures
        if _exists(failure.workload, failure.name)
        and (failure.workload, failure.name) not in failed | measured
    ]
    told = [
        dataclasses.replace(failure, reason=f"{failure.reason} {_OLDER}")
        if _sources(failure) & had
        else failure
        for failure in new.failures
    ]
    return Results(
        sorted([*kept, *fresh], key=lambda record: _place(*_source(record))),
        sorted([*pending, *told], key=lambda f: _place(f.workload, f.name)),
    )


def _source(record: Record) -> tuple[str, str]:
    """Workload, and what in it is measured as one: a case, the peers, or the floors."""
    others = FLOOR if record.peer == FLOOR else KIT
    case = str(record.config.get("case"))
    return record.workload, case if record.peer == OURS else others


def _sources(failure: Failure) -> set[tuple[str, str]]:
    """What a failure leaves without figures, or without some."""
    found = {(failure.workload, failure.name)}
    if failure.workload == "ceiling" and failure.name != KIT:
        found |= {(workload, FLOOR) for workload in WORKLOADS}
    return found


def _exists(workload: str, name: str) -> bool:
    return workload in WORKLOADS and name in _names(workload)


def _place(workload: str, name: str) -> tuple[int, int]:
    return list(WORKLOADS).index(workload), _names(workload).index(name)


def _names(workload: str) -> list[str]:
    return [*(case.name for case in WORKLOADS[workload]), KIT, FLOOR]
