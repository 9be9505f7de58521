"""How a figure is measured: repeats, and what other processes did meanwhile."""

import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from experiments.benchmarks.shapes import Effort

_SHORTEST = 0.5  # seconds; the kernel counts CPU time in steps of 10 ms
_WARMUP_SECONDS = 0.5


class Measured(NamedTuple):
    """Measurements of one quantity.

    Attributes:
      values: one a repeat.
      other_cpu: see `Record`.
    """

    values: list[float]
    other_cpu: float | None


class CpuWatch:
    """Tells which share of the machine's CPU time other processes took since it began.

    On machines without /proc, and for times too short to tell, it knows nothing.
    """

    def __init__(self) -> None:
        self._start = _cpu_seconds()

    def other_share(self) -> float | None:
        """The share so far, in [0, 1], or None."""
        now = _cpu_seconds()
        if now is None or self._start is None:
            return None
        total, busy, own = (b - a for a, b in zip(self._start, now, strict=True))
        cores = os.cpu_count() or 1
        if total < _SHORTEST * cores:
            return None
        return round(min(max(busy - own, 0.0) / total, 1.0), 3)


def rates(call: Callable[[], Any], units: float, effort: Effort) -> Measured:
    """Units a second of `call`, which must have finished its work when it returns.

    Args:
      call: does `units` units of work.
      units: of a call.
      effort: a repeat is as many calls as fill its `min_seconds`.
    """
    started, calls = time.perf_counter(), 0
    warmup_seconds = min(_WARMUP_SECONDS, effort.min_seconds)
    while calls < effort.warmup_calls or (
        time.perf_counter() - started < warmup_seconds
    ):
        call()
        calls += 1
    watch, values = CpuWatch(), []
    for _ in range(effort.repeats):
        started, calls = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - started) < effort.min_seconds:
            call()
            calls += 1
        values.append(units * calls / elapsed)
    return Measured(values, watch.other_share())


def seconds(call: Callable[[], Any], repeats: int) -> Measured:
    """Seconds of `call`, once a repeat and without warming up."""
    watch, values = CpuWatch(), []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        values.append(time.perf_counter() - started)
    return Measured(values, watch.other_share())


def latencies(call: Callable[[], Any], effort: Effort) -> tuple[Measured, Measured]:
    """Median and 99th percentile of single calls, in milliseconds."""
    for _ in range(min(50, effort.calls)):
        call()
    watch, medians, tails = CpuWatch(), [], []
    for _ in range(effort.repeats):
        times: list[float] = []
        began = time.perf_counter()
        while len(times) < effort.calls and (
            time.perf_counter() - began < effort.max_seconds
        ):
            started = time.perf_counter()
            call()
            times.append(1e3 * (time.perf_counter() - started))
        times.sort()
        medians.append(times[len(times) // 2])
        tails.append(times[min(int(0.99 * len(times)), len(times) - 1)])
    share = watch.other_share()
    return Measured(medians, share), Measured(tails, share)


def _cpu_seconds() -> tuple[float, float, float] | None:
    """Seconds of all cores so far: in total, busy, and busy for this process."""
    try:
        with open("/proc/stat") as lines:
            fields = next(lines).split()
    except OSError:
        return None
    # user nice system idle iowait irq softirq steal; what follows is counted in user.
    ticks = [int(field) for field in fields[1:9]]
    idle = ticks[3] + ticks[4]
    hertz, own = os.sysconf("SC_CLK_TCK"), os.times()
    mine = own.user + own.system + own.children_user + own.children_system
    return sum(ticks) / hertz, (sum(ticks) - idle) / hertz, mine
