"""Logits of all rows, in their order, however many replicas trained the model."""

from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._keras import keras


class InOrder:
    """Predicts with a model that is perhaps replicated, on one device.

    Under a strategy, `model.predict` splits batches over replicas and workers, and
    joins what the parts say as each strategy sees fit. A metric of all rows needs
    every row once and in its place, so here one device computes them all: with
    several workers, each of them does, and all receive the same.

    Args:
      model: takes the batches.
    """

    def __init__(self, model: keras.Model):
        self._model = model
        self._on_one_device: Any = None
        strategy = model.distribute_strategy
        several = isinstance(
            strategy,
            tf.distribute.MirroredStrategy
            | tf.distribute.MultiWorkerMirroredStrategy
            | tf.distribute.ParameterServerStrategy,
        )
        if several:
            self._on_one_device = tf.function(model, reduce_retracing=True)

    def __call__(self, batches: tf.data.Dataset) -> np.ndarray:
        """Logits [rows] of `batches`."""
        if self._on_one_device is None:
            return self._model.predict(batches, verbose=0)
        logits = [self._on_one_device(batch, training=False) for batch in batches]
        return np.concatenate([part.numpy() for part in logits])
