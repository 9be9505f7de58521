"""How long it takes until there is anything to see."""

import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from experiments.benchmarks.cases import Task
from experiments.benchmarks.measuring import CpuWatch, Measured, seconds
from experiments.benchmarks.records import Record

_ROOT = Path(__file__).parents[2]
_SUBPACKAGES = "data, evaluation, indexing, ranking, training"
# `import a, b` in place of {what}: seconds of TensorFlow's import, and of theirs after.
_IMPORTS = """
import time
started = time.perf_counter()
import tensorflow
loaded = time.perf_counter()
{what}
print(loaded - started, time.perf_counter() - loaded)
"""


def measure_imports(task: Task) -> Iterator[Record]:
    """Seconds that our imports add to TensorFlow's.

    `import moc_tf` leaves its parts to their first use, so those are measured as well.
    """
    added = {
        "import moc_tf": "import moc_tf",
        "import moc_tf and all of its parts": f"from moc_tf import {_SUBPACKAGES}",
    }
    for name, statement in added.items():
        watch, values, of_tensorflow = CpuWatch(), [], []
        for _ in range(task.scale.effort.repeats):
            code = _IMPORTS.format(what=statement)
            output = _output_of(["-c", code])
            before, after = map(float, output.splitlines()[-1].split())
            values.append(after)
            of_tensorflow.append(before)
        yield task.record(
            "seconds",
            Measured(values, watch.other_share()),
            what=name,
            import_of_tensorflow=round(statistics.median(of_tensorflow), 2),
        )


def measure_help(task: Task) -> Iterator[Record]:
    """Seconds of `--help` of each binary."""
    for name in binaries():
        command = ["-m", f"experiments.{name}", "--help"]
        measured = seconds(lambda: _output_of(command), task.scale.effort.repeats)  # noqa: B023
        yield task.record("seconds", measured, what=f"{name} --help")


def binaries() -> list[str]:
    """Names of the programs in `experiments`."""
    return sorted(
        path.stem
        for path in (_ROOT / "experiments").glob("*.py")
        if re.search(r"^    app\.run\(", path.read_text(encoding="utf-8"), re.M)
    )


def _output_of(arguments: list[str]) -> str:
    process = subprocess.run(
        [sys.executable, *arguments], cwd=_ROOT, capture_output=True, text=True
    )
    # absl's --help ends with 1.
    if process.returncode and "--help" not in arguments:
        raise RuntimeError(
            f"{arguments} must end well. Received: status {process.returncode}, "
            f"{process.stderr[-500:]!r}."
        )
    return process.stdout
