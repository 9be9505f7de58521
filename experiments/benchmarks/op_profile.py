"""What operations the time of a graph goes to, by TensorFlow's profiler."""

import collections
import contextlib
import dataclasses
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

# Kinds of operations that belong together, by a part of their name; the first counts.
_GROUPS = (
    ("matrix products", ("MatMul", "Einsum")),
    ("updates of dense weights", ("ResourceApply",)),
    ("gathers and scatters", ("Gather", "Scatter", "Unique", "SegmentSum")),
    ("argmax", ("ArgMax",)),
    ("copies", ("Concat", "Slice", "Pack", "Split", "Tile", "Transpose", "Pad")),
)
# Not sums over a batch of sparse parts, which the optimizer makes.
_NO_PRODUCTS = ("SparseTensorDenseMatMul",)
ELEMENTWISE = "elementwise operations and sums"


@dataclasses.dataclass(frozen=True)
class Share:
    """Of a kind of operations.

    Attributes:
      kind: its name.
      seconds: of all its operations, without what they called.
      share: of the seconds of all operations, in [0, 1].
      calls: operations of the kind that were executed.
    """

    kind: str
    seconds: float
    share: float
    calls: int


@contextlib.contextmanager
def profiled(path: Path) -> Iterator[None]:
    """Writes the shares of all operations inside the `with`, as JSON, to `path`.

    Whatever is not an operation of a graph is left out: tracing, and the time between
    two of them. The profiler itself costs time, so what is measured inside says
    nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        try:
            yield
        finally:
            tf.profiler.experimental.stop()
        seconds, calls = _totals(next(Path(folder).rglob("*.xplane.pb")))
    shares = shares_of(seconds, calls)
    path.write_text(json.dumps([dataclasses.asdict(share) for share in shares]))


def read_shares(path: Path) -> list[Share]:
    """What `profiled` wrote, the largest first."""
    return [Share(**values) for values in json.loads(path.read_text())]


def shares_of(seconds: dict[str, float], calls: dict[str, int]) -> list[Share]:
    """Shares of kinds, the largest first.

    Args:
      seconds: by type of operation, such as "MatMul".
      calls: alike.
    """
    kinds: dict[str, float] = collections.defaultdict(float)
    counts: dict[str, int] = collections.defaultdict(int)
    for name, value in seconds.items():
        kinds[kind_of(name)] += value
        counts[kind_of(name)] += calls[name]
    total = sum(kinds.values())
    found = [Share(k, v, v / total, counts[k]) for k, v in kinds.items()]
    return sorted(found, key=lambda share: -share.seconds)


def kind_of(name: str) -> str:
    """The kind of an operation's type."""
    if name in _NO_PRODUCTS:
        return "gathers and scatters"
    for kind, parts in _GROUPS:
        if any(part in name for part in parts):
            return kind
    return ELEMENTWISE


def _totals(trace: Path) -> tuple[dict[str, float], dict[str, int]]:
    """Seconds and calls by type of operation, of all threads of the host."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace.FromString(trace.read_bytes())
    seconds: dict[str, float] = collections.defaultdict(float)
    calls: dict[str, int] = collections.defaultdict(int)
    for plane in space.planes:
        names = {key: data.name for key, data in plane.event_metadata.items()}
        for line in plane.lines:
            if not line.name.startswith("tf_Compute"):
                continue
            open_ones: list[tuple[int, str]] = []  # end and type, the innermost last
            events = [(e.offset_ps, -e.duration_ps, e.metadata_id) for e in line.events]
            for start, minus_length, key in sorted(events):
                while open_ones and open_ones[-1][0] <= start:
                    open_ones.pop()
                kind = _operation(names[key])
                if open_ones and open_ones[-1][1]:
                    seconds[open_ones[-1][1]] += minus_length / 1e12
                if kind:
                    seconds[kind] -= minus_length / 1e12
                    calls[kind] += 1
                open_ones.append((start - minus_length, kind))
    return seconds, calls


def _operation(event: str) -> str:
    """The type of an operation's event, "name:Type"; "" of another event."""
    name, _, kind = event.rpartition(":")
    return kind if name and kind.isidentifier() and ":" not in name else ""
