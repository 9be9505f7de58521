"""How far a fit has come, on disk after every epoch."""

import collections
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

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
_KEPT = "kept "  # begins the names of a keeper's arrays
# Each file waits for the disk, which takes longer than writing thousands of numbers.
_SMALL = 65_536


class KeepsState(Protocol):
    """A callback that must know what happened in the epochs before an interruption."""

    def get_state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays by name, and what else there is, as JSON keeps it."""

    def set_state(
        self, arrays: Mapping[str, np.ndarray], values: Mapping[str, Any]
    ) -> None:
        """Takes over what `get_state` gave; the next training goes on from there."""


class FitCheckpoint(keras.callbacks.Callback):
    """Writes all variables after each epoch, and reads them where a fit was broken off.

    Callbacks that change variables at the end of an epoch come before this one.

    Args:
      path: the folder; None keeps nothing.
      variables: all that training changes, those of the optimizer too.
      identity: what the fit depends on; a checkpoint of another identity is replaced.
      writes: whether this process writes; of several workers, one does.
      keeper: a callback whose state belongs to that of the training.

    Attributes:
      epochs_done: epochs that are behind this training, those before an interruption
        included.
      last_logs: of the last of them; None where a value is NaN or infinite.
      finished: whether `finish` was called, now or before an interruption.
    """

    def __init__(
        self,
        path: str | os.PathLike | None,
        variables: Sequence[tf.Variable],
        identity: Mapping[str, Any],
        writes: bool = True,
        keeper: KeepsState | None = None,
    ):
        super().__init__()
        self._path = None if path is None else Path(path)
        self._variables = list(variables)
        self._identity = plain_json(identity, "identity")
        self._writes = writes
        self._keeper = keeper
        self.epochs_done = 0
        self.seconds = 0.0
        self.last_logs: dict[str, float | None] = {}
        self.finished = False
        self._started = tf.timestamp()

    def restore(self) -> None:
        """Takes over a checkpoint of the same identity, if there is a sound one.

        Any other is going to be replaced, of which a warning tells the reason.

        Raises:
          ArtefactError: if the folder holds something other than a checkpoint.
        """
        if self._path is None:
            return
        try:
            arrays, manifest = read_artefact(self._path, _KIND)
        except ArtefactError as error:
            # None yet, or one that an interruption or a disk has spoilt.
            lost = (self._path / MANIFEST).exists()
            self._make_way(self._path)
            if lost:
                _warn_that_it_starts_anew(f"The checkpoint cannot be read. {error}")
            return
        if differing := _differing(manifest["identity"], self._identity):
            _warn_that_it_starts_anew(
                f"The checkpoint in {self._path} is of another training, with other "
                f"{', '.join(differing)}."
            )
            return
        arrays = _apart(arrays, manifest["small"])
        kept = {
            name.removeprefix(_KEPT): arrays.pop(name)
            for name in list(arrays)
            if name.startswith(_KEPT)
        }
        # By place: in another process Keras may number the layers differently.
        places = {int(name.split()[0]): array for name, array in arrays.items()}
        for place, variable in enumerate(self._variables):
            variable.assign(places[place])
        if self._keeper is not None:
            self._keeper.set_state(kept, manifest["kept"])
        self.epochs_done = manifest["epochs_done"]
        self.seconds = manifest["seconds"]
        self.last_logs = manifest["last_logs"]
        self.finished = manifest.get("finished", False)  # older ones do not tell

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
        logs = {name: float(value) for name, value in (logs or {}).items()}
        self.last_logs = {n: v if math.isfinite(v) else None for n, v in logs.items()}
        self._write()

    def finish(self) -> None:
        """Writes the state as that of a training that has nothing left to do.

        The epochs do not tell, for a callback may have ended it.
        """
        self.finished = True
        self._write()

    def _write(self) -> None:
        if self._path is None or not self._writes:
            return
        # Optimizers have several variables of one name.
        arrays = {
            f"{place} {variable.name}": np.asarray(variable.numpy())
            for place, variable in enumerate(self._variables)
        }
        manifest = {
            "identity": self._identity,
            "epochs_done": self.epochs_done,
            "seconds": self.elapsed(),
            "last_logs": self.last_logs,
            "finished": self.finished,
        }
        if self._keeper is not None:
            kept, manifest["kept"] = self._keeper.get_state()
            arrays |= {_KEPT + name: array for name, array in kept.items()}
        files, manifest["small"] = _together(arrays)
        write_artefact(self._path, _KIND, files, manifest)

    def elapsed(self) -> float:
        """Seconds of this fit, those before an interruption included."""
        return self.seconds + float(tf.timestamp() - self._started)


def _warn_that_it_starts_anew(reason: str) -> None:
    warnings.warn(f"{reason} The training starts anew.", stacklevel=3)


def _differing(one: Any, other: Any, name: str = "") -> list[str]:
    """Names of the entries, such as "configuration.epochs", that are not equal."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return [] if one == other else [name]
    return [
        found
        for key in sorted(one.keys() | other.keys())
        for found in _differing(
            one.get(key, ...), other.get(key, ...), f"{name}.{key}" if name else key
        )
    ]


def _together(
    arrays: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, list]]:
    """Joins the small arrays of each type; tells which have become what."""
    files, entries = {}, collections.defaultdict(list)
    parts = collections.defaultdict(list)
    for name, array in arrays.items():
        if array.size >= _SMALL:
            files[name] = array
        else:
            group = f"small {array.dtype.name}"
            parts[group].append(array.ravel())
            entries[group].append([name, list(array.shape)])
    files |= {group: np.concatenate(joined) for group, joined in parts.items()}
    return files, dict(entries)


def _apart(
    files: Mapping[str, np.ndarray], entries: Mapping[str, Sequence]
) -> dict[str, np.ndarray]:
    """The arrays that `_together` was given."""
    arrays = dict(files)
    for group, members in entries.items():
        joined, start = arrays.pop(group), 0
        for name, shape in members:
            end = start + math.prod(shape)
            arrays[name] = joined[start:end].reshape(shape)
            start = end
    return arrays
