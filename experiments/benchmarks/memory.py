"""How much memory a training takes on columns that are large for it."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from experiments.benchmarks.cases import Task
from experiments.benchmarks.measuring import CpuWatch, Measured
from experiments.benchmarks.records import Record
from experiments.benchmarks.shapes import SCALES, RankerShape

_ROOT = Path(__file__).parents[2]
_COLUMNS = ("user", "item_row", "label")
_AT_ONCE = 2**20  # rows that are drawn


def measure(task: Task) -> Iterator[Record]:
    """Peak of the resident memory over the size of the data and the model.

    Of both, what the process took before it read anything is left out: Python,
    TensorFlow and all that is imported. The model counts with its optimizer's moments.
    """
    shape = task.scale.ranker
    watch, shares, details = CpuWatch(), [], {}
    with tempfile.TemporaryDirectory() as folder:
        _write_columns(Path(folder), shape)
        for _ in range(task.scale.effort.repeats):
            command = [sys.executable, "-m", __name__, folder, _name_of(task)]
            process = subprocess.run(
                command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=True
            )
            peak, data, model = map(int, process.stdout.splitlines()[-1].split())
            shares.append(peak / (data + model))
            details = {"peak_mb": peak >> 20, "data_mb": data >> 20}
            details["model_mb"] = model >> 20
    measured = Measured(shares, watch.other_share())
    yield task.record("peak_share", measured, rows=shape.memory_rows, **details)


def _write_columns(folder: Path, shape: RankerShape) -> None:
    """Draws the log into files, without ever holding all of it."""
    random = np.random.default_rng(0)
    largest = {"user": shape.users, "item_row": shape.items, "label": 2}
    for name in _COLUMNS:
        dtype = np.float32 if name == "label" else np.int32
        with open(folder / f"{name}.npy", "wb") as file:
            header = np.lib.format.header_data_from_array_1_0(np.zeros(0, dtype))
            np.lib.format.write_array_header_1_0(
                file, {**header, "shape": (shape.memory_rows,)}
            )
            for start in range(0, shape.memory_rows, _AT_ONCE):
                count = min(_AT_ONCE, shape.memory_rows - start)
                values = random.integers(largest[name], size=count)
                file.write(values.astype(dtype).tobytes())


def _name_of(task: Task) -> str:
    return next(n for n, scale in SCALES.items() if scale.ranker == task.scale.ranker)


def _train(folder: Path, shape: RankerShape) -> tuple[int, int, int]:
    """Trains some steps; bytes at the peak, of the data, and of the model."""
    from experiments.benchmarks.rankers import make_model
    from moc_tf.data import make_batches
    from moc_tf.ranking import LazyAdam
    from moc_tf.training import RankerConfig

    random = np.random.default_rng(1)
    before = _resident_bytes("VmRSS")
    columns = {name: np.load(folder / f"{name}.npy") for name in _COLUMNS}
    of_items = {"brand": shape.brands, "category": shape.categories}
    catalogue = {"item": np.arange(shape.items, dtype=np.int32)} | {
        name: random.integers(size, size=shape.items, dtype=np.int32)
        for name, size in of_items.items()
    }
    catalogue["codes"] = random.integers(
        shape.codebook_size, size=(shape.items, shape.num_codes), dtype=np.int32
    )
    data = sum(v.nbytes for v in (*columns.values(), *catalogue.values()))
    batches = make_batches(
        columns, shape.batch_size, 0, catalogue, "item_row", drop_remainder=True
    )
    del columns
    model = make_model("dcn_v2", shape, shape.users, "self_gating")
    model.compile(
        LazyAdam(1e-3), steps_per_execution=RankerConfig().steps_per_execution
    )
    steps = min(64, shape.memory_rows // shape.batch_size)
    model.fit(batches, steps_per_epoch=steps, verbose=0)
    kept = [*model.weights, *model.optimizer.variables]
    size = sum(int(np.prod(v.shape)) * v.dtype.size for v in kept)
    return _resident_bytes("VmHWM") - before, data, size


def _resident_bytes(field: str) -> int:
    """Resident memory of this process: "VmRSS" now, "VmHWM" at its peak."""
    with open("/proc/self/status") as lines:
        for line in lines:
            if line.startswith(f"{field}:"):
                return 1024 * int(line.split()[1])
    raise RuntimeError(f"/proc/self/status must tell {field}. It does not here.")


if __name__ == "__main__":
    print(*_train(Path(sys.argv[1]), SCALES[sys.argv[2]].ranker))
