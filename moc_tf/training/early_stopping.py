"""Stops when the exact validation AUC no longer rises, and keeps the best weights."""

import time
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.evaluation import auc


class EarlyStoppingOnAUC(keras.callbacks.Callback):
    """After each epoch: exact AUC of the validation part, from the model's logits.

    Keras' own AUC has 200 thresholds, too coarse to choose between epochs. The logs
    gain `validation_auc` and `epoch_seconds` (of training alone).

    Args:
      batches: the validation part, in a fixed order.
      labels: float32 0 or 1, [rows], in that order.
      patience: epochs without a new best AUC after which training stops.

    Attributes:
      best_auc: the highest AUC of an epoch.
      best_epoch: that epoch, from 0; its weights are the model's after training.
      epoch_seconds: training time of each epoch, without validation.
    """

    def __init__(self, batches: tf.data.Dataset, labels: np.ndarray, patience: int):
        super().__init__()
        if patience < 1:
            raise ValueError(f"patience must be at least 1. Received: {patience}.")
        if not 0 < np.mean(labels) < 1:
            raise ValueError(
                "Early stopping needs validation rows of both labels. Received: "
                f"{len(labels)} rows, all {labels[0]:g}."
            )
        self._batches = batches
        self._labels = labels
        self._patience = patience

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Forgets earlier trainings."""
        self.best_auc = -1.0
        self.best_epoch = -1
        self.epoch_seconds: list[float] = []
        self._best_weights: list[np.ndarray] = []

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Starts the clock."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Validates; keeps the weights if they are the best so far."""
        self.epoch_seconds.append(time.perf_counter() - self._started)
        validation_auc = auc(self._labels, self.model.predict(self._batches, verbose=0))
        if logs is not None:
            logs["validation_auc"] = validation_auc
            logs["epoch_seconds"] = self.epoch_seconds[-1]
        if validation_auc > self.best_auc:
            self.best_auc, self.best_epoch = validation_auc, epoch
            self._best_weights = self.model.get_weights()
        elif epoch - self.best_epoch >= self._patience:
            self.model.stop_training = True

    def on_train_end(self, logs: dict | None = None) -> None:
        """Puts the best weights back."""
        self.model.set_weights(self._best_weights)
