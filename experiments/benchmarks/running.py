"""Measures cases, and the peers' kit, each in a process of its own."""

import collections
import dataclasses
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from experiments.benchmarks.cases import Case
from experiments.benchmarks.records import Record, read_record

_ROOT = Path(__file__).parents[2]
# These pin an older kernel of OpenBLAS, which would slow what is measured.
_SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_LAST_LINES = 20
KIT = "the peers' kit"  # what failed, where it is no case


@dataclasses.dataclass(frozen=True)
class Failure:
    """A process that ended before its time.

    Attributes:
      workload: that it measured.
      name: of the case, or of the peers' kit.
      reason: its last words.
    """

    workload: str
    name: str
    reason: str


def run_case(
    case: Case, options: Sequence[str], earlier: Sequence[Record]
) -> Iterator[Record | Failure]:
    """The records of a case as they are measured; last a failure, if it fails.

    Args:
      case: what to measure.
      options: further flags of `one_case`.
      earlier: what the cases of the workload before it have measured.
    """
    command = [sys.executable, "-m", "experiments.benchmarks.one_case"]
    command += [f"--workload={case.workload}", f"--case={case.name}", *options]
    given = "".join(f"{record.line()}\n" for record in earlier)
    yield from _lines_of(command, _ROOT, case.workload, case.name, given)


def run_kit(kit: str | os.PathLike[str], workload: str) -> Iterator[Record | Failure]:
    """The records of a workload of the peers' kit; last a failure, if it fails.

    Args:
      kit: folder whose `run.sh` takes a workload and prints a record a line.
      workload: one that the kit has.
    """
    command = [str(Path(kit).resolve() / "run.sh"), workload]
    yield from _lines_of(command, Path(kit), workload, KIT, "")


def measured_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of what is measured, ours and the peers' alike."""
    return {name: v for name, v in environment.items() if name not in _SLOWING}


def _lines_of(
    command: Sequence[str], folder: Path, workload: str, name: str, given: str
) -> Iterator[Record | Failure]:
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=measured_environment(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
    except OSError as error:
        yield Failure(workload, name, f"It cannot be started: {error}.")
        return
    assert process.stdin
    assert process.stdout
    assert process.stderr
    remarks: collections.deque[str] = collections.deque(maxlen=_LAST_LINES)
    # Beside the records, or a process that says much would wait for a reader.
    reader = threading.Thread(target=remarks.extend, args=[process.stderr])
    reader.start()
    fault = ""
    try:
        try:
            process.stdin.write(given)
            process.stdin.close()
        except BrokenPipeError:
            pass  # it ended first, and its exit status tells why
        for line in process.stdout:
            try:
                record = read_record(line)
            except ValueError as error:
                fault = str(error)
                continue
            if record is not None:
                yield record
    except BaseException:  # nobody reads on, an interrupted user among them
        process.kill()
        raise
    finally:
        status = process.wait()
        reader.join()
        process.stdout.close()
        process.stderr.close()
    if status or fault:
        said = [line.strip() for line in remarks if line.strip()]
        reason = fault or (said[-1] if said else f"It ended with status {status}.")
        yield Failure(workload, name, reason)
