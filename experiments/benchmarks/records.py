"""One measured figure, as a line of JSON that any system can write."""

import dataclasses
import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

OURS = "moc_tf"
FLOOR = "floor"  # the "peer" whose rate the machine's ceiling allows
MOST_OTHER_CPU = 0.05  # above it, kernels of several threads wait for other processes

LOWER_IS_BETTER = {
    "train_seconds",
    "relative_mse",
    "p50_ms",
    "p99_ms",
    "seconds",
    "us",
    "table1_hours",
    "peak_share",
}


@dataclasses.dataclass(frozen=True)
class Record:
    """A figure.

    Attributes:
      peer: the system, "moc_tf" for ours, "floor" for what the machine allows.
      version: of the system.
      workload: name.
      metric: what was measured, its unit at the end.
      value: median of `repeat`.
      repeat: the measurements.
      threads: that the system could use.
      config: what else to know; ours have "case", a name for people.
      other_cpu: share of the machine's CPU time that other processes took meanwhile;
        None where it is not known.
    """

    peer: str
    version: str
    workload: str
    metric: str
    value: float
    repeat: tuple[float, ...]
    threads: int
    config: Mapping[str, Any]
    other_cpu: float | None

    @classmethod
    def of(cls, measured: Sequence[float], **fields: Any) -> "Record":
        """The record of these measurements, to five digits."""
        repeat = tuple(_five_digits(value) for value in measured)
        value = _five_digits(statistics.median(measured))
        return cls(value=value, repeat=repeat, **fields)

    @property
    def is_void(self) -> bool:
        """Whether others used the CPU so much that the figure says nothing."""
        return self.other_cpu is not None and self.other_cpu > MOST_OTHER_CPU

    @property
    def spread(self) -> float | None:
        """Largest less smallest measurement over the median; None for a single one."""
        if len(self.repeat) < 2 or not self.value:
            return None
        return (max(self.repeat) - min(self.repeat)) / self.value

    def line(self) -> str:
        """As a line of JSON, without its end."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return json.dumps(values | {"config": dict(self.config)})

    def has(self, wanted: Mapping[str, Any]) -> bool:
        """Whether the configuration has all these values."""
        return all(self.config.get(key) == value for key, value in wanted.items())


def read_record(line: str) -> Record | None:
    """The record of a line; None if the line is something else.

    Raises:
      ValueError: if it is JSON, but lacks a field or its figures are not numbers.
    """
    if not line.startswith("{"):
        return None
    try:
        values = json.loads(line)
    except json.JSONDecodeError:
        return None
    names = [field.name for field in dataclasses.fields(Record)]
    numbers = [values.get("value"), *(values.get("repeat") or [None])]
    if missing := [name for name in names if name not in values]:
        raise ValueError(f"A record must have {names}. Received: none of {missing}.")
    if not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers):
        raise ValueError(
            f"The figures of a record must be finite numbers. Received: {numbers} for "
            f"{values['metric']!r} of {values['peer']!r}."
        )
    return Record(
        **{name: values[name] for name in names} | {"repeat": tuple(values["repeat"])}
    )


def read_records(lines: Iterable[str]) -> list[Record]:
    """The records among `lines`."""
    found = (read_record(line) for line in lines)
    return [record for record in found if record is not None]


def _five_digits(value: float) -> float:
    return float(f"{value:.5g}")
