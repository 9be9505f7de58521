"""The folder of one run: what was asked, what happened, and, last, what came out."""

import dataclasses
import hashlib
import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.training.environment import describe_environment


class RunDirectory:
    """Files of one run.

        config.json        what the run was asked to do
        environment.json   machine and versions
        metrics.jsonl      one object an epoch
        tensorboard/       the same, for TensorBoard
        progress/          state after the latest epoch, while the run is unfinished
        checkpoint/        weights of the trained model, if they are kept
        serving.json       what else its export needs, with them; see `ServingRecord`
        predictions/       of the part that it was measured on; see `Predictions`
        result.json        written last, so that its presence marks a finished run

    Args:
      path: the folder, which `start` makes.
      config: what is asked, JSON-serialisable. If the folder holds another
        configuration, it is started anew; an unfinished run goes on.

    Attributes:
      progress: the folder for the state after each epoch; see `FitCheckpoint`.
    """

    def __init__(self, path: str | os.PathLike, config: Mapping[str, Any]):
        self.path = Path(path)
        self.progress = self.path / "progress"
        self._config = json_ready(config)

    def finished_result(self) -> dict[str, Any] | None:
        """The result of a finished run of the same configuration, if there is one."""
        if _read_json(self.path / "config.json") != self._config:
            return None
        return _read_json(self.path / "result.json")

    def start(self) -> None:
        """Makes the folder ready for a run, and describes what it runs on.

        What an unfinished run of the same configuration left of its training stays, so
        that it can go on from `progress`; everything else is cleared.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        config, result = self.path / "config.json", self.path / "result.json"
        files, folders = ["serving.json"], ["checkpoint", "predictions"]
        if result.exists() or _read_json(config) != self._config:
            files = ["result.json", "config.json", "metrics.jsonl", *files]
            folders += ["tensorboard", "progress"]
        for name in files:
            (self.path / name).unlink(missing_ok=True)
        for folder in folders:
            shutil.rmtree(self.path / folder, ignore_errors=True)
        _write_json(config, self._config)
        _write_json(self.path / "environment.json", describe_environment())

    def epoch_logger(self) -> "EpochLogger":
        """A callback that writes each epoch's logs to metrics.jsonl and TensorBoard."""
        return EpochLogger(self.path)

    def finish(self, model: keras.Model | None, result: Mapping[str, Any]) -> None:
        """Writes the weights of `model`, if given, then the result: it is finished."""
        if model is not None:
            checkpoint = tf.train.Checkpoint(model=model)
            checkpoint.write(str(self.path / "checkpoint" / "model"))
        _write_json(self.path / "result.json", result)
        shutil.rmtree(self.progress, ignore_errors=True)


class EpochLogger(keras.callbacks.Callback):
    """Writes each epoch's logs to metrics.jsonl and, for TensorBoard, tensorboard/.

    In metrics.jsonl an epoch that is done again replaces what was written of it, and
    of those after it, before an interruption.

    Args:
      path: the folder; made if missing.
    """

    def __init__(self, path: Path):
        super().__init__()
        self._path = path
        self._writer: Any = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Opens the TensorBoard log."""
        self._path.mkdir(parents=True, exist_ok=True)
        self._is_first = True
        self._writer = tf.summary.create_file_writer(str(self._path / "tensorboard"))

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Writes the logs."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        path = self._path / "metrics.jsonl"
        if self._is_first:
            write_text(path, _lines_before(path, epoch))
            self._is_first = False
        with open(path, "a") as lines:
            lines.write(json.dumps({"epoch": epoch, **values}) + "\n")
        with self._writer.as_default(step=epoch):
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Closes the TensorBoard log."""
        self._writer.close()


def _lines_before(path: Path, epoch: int) -> str:
    """The whole lines of a metrics.jsonl that are of epochs before `epoch`."""
    if not path.exists():
        return ""
    kept = []
    for line in path.read_text().splitlines(keepends=True):
        try:
            earlier = json.loads(line)["epoch"] < epoch
        except json.JSONDecodeError:  # cut off by an interruption
            break
        if earlier and line.endswith("\n"):
            kept.append(line)
    return "".join(kept)


def json_ready(value: Any) -> Any:
    """`value` as JSON reads it back: dataclasses as objects, lists for tuples.

    NaN, which JSON lacks and which a metric has where it is undefined, becomes None.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {key: json_ready(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(entry) for entry in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def digest(config: Mapping[str, Any]) -> str:
    """Tells settings apart in paths: eight hexadecimal digits."""
    text = json.dumps(json_ready(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def write_text(path: Path, text: str) -> None:
    """Writes `text` to a temporary name and renames it to `path`."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text)
    os.replace(temporary, path)


def _write_json(path: Path, value: Any) -> None:
    text = json.dumps(json_ready(value), indent=2, allow_nan=False)
    write_text(path, f"{text}\n")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
