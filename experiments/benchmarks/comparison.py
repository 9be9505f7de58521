"""Our figures beside the best of the peers and what the machine allows."""

import dataclasses
from collections.abc import Sequence

from experiments.benchmarks.peers import candidates, precision_of
from experiments.benchmarks.records import FLOOR, LOWER_IS_BETTER, OURS, Record

_FORM = "shared latent"  # of a tokenizer, where a floor does not say which


@dataclasses.dataclass(frozen=True)
class Row:
    """A figure of ours, compared.

    Attributes:
      ours: the figure.
      peer: the best of the peers' figures of the same work; a void one if any of them
        is void, since that one might have been the best. None without any.
      ratio: how many times better ours is, above 1 if it is better: rates are divided
        by the peer's, and the peer's times and errors by ours. None if either figure
        is void or missing.
      floor: rate that nothing can exceed on this machine in this precision, if only
        the matrix products cost time. None if there is none.
      share: ours over the floor; None if ours is void.
    """

    ours: Record
    peer: Record | None
    ratio: float | None
    floor: float | None
    share: float | None


def compare(records: Sequence[Record]) -> list[Row]:
    """A row for each record of ours, in order."""
    return [_row(record, records) for record in records if record.peer == OURS]


def _row(ours: Record, records: Sequence[Record]) -> Row:
    peer = _best(candidates(ours, records), ours.metric)
    floor = _floor(ours, records)
    ratio = None
    if peer and not peer.is_void and not ours.is_void:
        pair = (ours.value, peer.value)
        over, under = reversed(pair) if ours.metric in LOWER_IS_BETTER else pair
        ratio = over / under if under else None
    share = ours.value / floor if floor and not ours.is_void else None
    return Row(ours, peer, ratio, floor, share)


def _best(records: Sequence[Record], metric: str) -> Record | None:
    if not records:
        return None
    if void := [record for record in records if record.is_void]:
        return void[0]
    choose = min if metric in LOWER_IS_BETTER else max
    return choose(records, key=lambda record: record.value)


def _floor(ours: Record, records: Sequence[Record]) -> float | None:
    """The highest of those measured: no product of that precision was faster."""
    found = [
        record.value
        for record in records
        if record.peer == FLOOR
        and (record.workload, record.metric) == (ours.workload, ours.metric)
        and precision_of(record) == precision_of(ours)
        and not record.is_void
        and record.config.get("form", _FORM) == ours.config.get("form", _FORM)
        and record.config.get("model") in (None, ours.config.get("model"))
        and ours.config.get("fusion", "none") == "none"
        and ours.config.get("input") != "loader alone"
    ]
    return max(found, default=None)
