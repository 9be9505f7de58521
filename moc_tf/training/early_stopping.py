"""Stops when the exact validation AUC no longer rises, and keeps the best weights."""

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.evaluation import auc
from moc_tf.training.distribution import agreed
from moc_tf.training.model_state import state_of
from moc_tf.training.weight_averaging import WeightAveraging


class EarlyStoppingOnAUC(keras.callbacks.Callback):
    """After each epoch: exact AUC of the validation part, from the model's logits.

    Keras' own AUC has 200 thresholds, too coarse to choose between epochs. The logs
    gain `validation_auc` and `epoch_seconds` (of training alone).

    Args:
      batches: the validation part, in a fixed order.
      labels: float32 0 or 1, [rows], in that order.
      patience: epochs without a new best AUC after which training stops.
      predict: batches -> logits [rows], in their order; None is the model's own.
      averaging: a callback that comes before this one; then its average weights are
        validated, and kept. None takes the weights themselves.

    Attributes:
      best_auc: the highest AUC of an epoch.
      best_epoch: that epoch, from 0; its weights are the model's after training.
      epoch_seconds: training time of each epoch, without validation.
    """

    def __init__(
        self,
        batches: tf.data.Dataset,
        labels: np.ndarray,
        patience: int,
        predict: Callable[[tf.data.Dataset], np.ndarray] | None = None,
        averaging: WeightAveraging | None = None,
    ):
        super().__init__()
        if patience < 1:
            raise ValueError(f"patience must be at least 1. Received: {patience}.")
        kinds = np.unique(labels).tolist()
        if len(kinds) < 2:
            raise ValueError(
                "Early stopping needs validation rows of both labels. Received: "
                f"{len(labels)} rows, labels {kinds}."
            )
        self._batches = batches
        self._labels = labels
        self._patience = patience
        self._predict = predict
        self._averaging = averaging
        self._goes_on = False
        self._forget()

    def _forget(self) -> None:
        self.best_auc = -1.0
        self.best_epoch = -1
        self.epoch_seconds: list[float] = []
        self._best_weights: list[np.ndarray] = []

    @property
    def exhausted(self) -> bool:
        """Has `patience` run out after the epochs so far?"""
        epochs_since = len(self.epoch_seconds) - 1 - self.best_epoch
        return self.best_epoch >= 0 and epochs_since >= self._patience

    def get_state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """What a training that goes on must know; see `FitCheckpoint`."""
        weights = {f"best {i}": w for i, w in enumerate(self._best_weights)}
        if self._averaging is not None:
            averages = enumerate(self._averaging.values())
            weights |= {f"average {i}": w for i, w in averages}
        return weights, {
            "best_auc": self.best_auc,
            "best_epoch": self.best_epoch,
            "epoch_seconds": self.epoch_seconds,
            "averaged_steps": self._averaging.steps if self._averaging else 0,
        }

    def set_state(
        self, arrays: Mapping[str, np.ndarray], values: Mapping[str, Any]
    ) -> None:
        """Takes over what `get_state` gave; the next training goes on from there."""
        self._best_weights = _numbered(arrays, "best")
        if self._averaging is not None:
            self._averaging.restore(
                _numbered(arrays, "average"), values["averaged_steps"]
            )
        self.best_auc = values["best_auc"]
        self.best_epoch = values["best_epoch"]
        self.epoch_seconds = list(values["epoch_seconds"])
        self._goes_on = True

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Forgets earlier trainings, unless `set_state` came just before."""
        if not self._goes_on:
            self._forget()
        self._goes_on = False

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Starts the clock."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Validates; keeps the weights if they are the best so far."""
        self.epoch_seconds.append(time.perf_counter() - self._started)
        averaging = self._averaging
        with averaging.applied() if averaging else contextlib.nullcontext():
            self._validate(epoch, logs)
        if self.exhausted:
            self.model.stop_training = True

    def _validate(self, epoch: int, logs: dict[str, Any] | None) -> None:
        if self._predict is None:
            logits = self.model.predict(self._batches, verbose=0)
        else:
            logits = self._predict(self._batches)
        # Workers that stopped at different epochs would wait for one another forever.
        validation_auc = agreed(
            auc(self._labels, logits), self.model.distribute_strategy
        )
        if logs is not None:
            logs["validation_auc"] = validation_auc
            logs["epoch_seconds"] = self.epoch_seconds[-1]
        if validation_auc > self.best_auc:
            self.best_auc, self.best_epoch = validation_auc, epoch
            self._best_weights = [v.numpy() for v in state_of(self.model)]

    def on_train_end(self, logs: dict | None = None) -> None:
        """Puts the best weights back."""
        for variable, best in zip(
            state_of(self.model), self._best_weights, strict=True
        ):
            variable.assign(best)


def _numbered(arrays: Mapping[str, np.ndarray], kind: str) -> list[np.ndarray]:
    """The arrays named "<kind> 0", "<kind> 1" and so on."""
    count = sum(name.startswith(f"{kind} ") for name in arrays)
    return [arrays[f"{kind} {i}"] for i in range(count)]
