"""How far a fit has come, on disk after every epoch."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._artefact import (
    MANIFEST,
    ArtefactError,
    check_replaceable,
    plain_json,
    read_artefact,
    write_artefact,
)
from moc_tf._keras import keras

_KIND = "fit_checkpoint"


class FitCheckpoint(keras.callbacks.Callback):
    """Writes all variables after each epoch, and reads them where a fit was broken off.

    Callbacks that change variables at the end of an epoch come before this one.

    Args:
      path: the folder; None keeps nothing.
      variables: all that training changes, those of the optimizer too.
      identity: what the fit depends on; a checkpoint of another identity is replaced.
      writes: whether this process writes; of several workers, one does.
    """

    def __init__(
        self,
        path: str | os.PathLike | None,
        variables: Sequence[tf.Variable],
        identity: Mapping[str, Any],
        writes: bool = True,
    ):
        super().__init__()
        self._path = None if path is None else Path(path)
        self._variables = list(variables)
        self._identity = plain_json(identity, "identity")
        self._writes = writes
        self.epochs_done = 0
        self.seconds = 0.0
        self.last_logs: dict[str, float] = {}
        self._started = tf.timestamp()

    def restore(self) -> None:
        """Takes over a checkpoint of the same identity, if there is a sound one.

        Raises:
          ArtefactError: if the folder holds something other than a checkpoint.
        """
        if self._path is None:
            return
        try:
            arrays, manifest = read_artefact(self._path, _KIND)
        except ArtefactError:
            # None yet, or one that an interruption or a disk has spoilt.
            self._make_way(self._path)
            return
        if manifest["identity"] != self._identity:
            return
        for key, variable in self._named().items():
            variable.assign(arrays[key])
        self.epochs_done = manifest["epochs_done"]
        self.seconds = manifest["seconds"]
        self.last_logs = manifest["last_logs"]

    def _make_way(self, folder: Path) -> None:
        """Raises ArtefactError unless `folder` can be written; now, not in an hour."""
        if not self._writes:
            return
        try:
            check_replaceable(folder, _KIND)
        except ArtefactError:
            manifest = folder / MANIFEST
            ours = f'"kind": "{_KIND}"'
            if not manifest.is_file() or ours not in manifest.read_text(
                encoding="utf-8", errors="replace"
            ):
                raise
            manifest.unlink()  # damaged, but for what it once was
            check_replaceable(folder, _KIND)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Writes the state after `epoch`."""
        self.epochs_done = epoch + 1
        self.last_logs = {name: float(value) for name, value in (logs or {}).items()}
        if self._path is None or not self._writes:
            return
        write_artefact(
            self._path,
            _KIND,
            {key: np.asarray(v.numpy()) for key, v in self._named().items()},
            {
                "identity": self._identity,
                "epochs_done": self.epochs_done,
                "seconds": self.elapsed(),
                "last_logs": self.last_logs,
            },
        )

    def elapsed(self) -> float:
        """Seconds of this fit, those before an interruption included."""
        return self.seconds + float(tf.timestamp() - self._started)

    def _named(self) -> dict[str, tf.Variable]:
        # Optimizers have several variables of one name.
        return {f"{i} {v.name}": v for i, v in enumerate(self._variables)}
