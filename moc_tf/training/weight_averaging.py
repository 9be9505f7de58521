"""An exponential moving average of a model's weights over the steps of its training."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._keras import keras


class WeightAveraging(keras.callbacks.Callback):
    """Follows the trained weights w by an average a of those after their first steps.

        a <- k a + (1 - k) w,    k = (decay^n - decay^t) / (1 - decay^t)

    after the n steps up to step t: `every`, or fewer at the end of an epoch. So the
    weights of step i count decay^(t - i), and those before the first step, towards
    which predictions would be drawn, nothing.

    A ranker's weights wander from step to step, and with them its predictions; the
    average wanders less, and lags behind as tables begin to fit single rows of the
    training part. All rows of all tables are averaged, so that an update costs what the
    model weighs: one for each step can cost more than the step.

    Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by
    Averaging", 1992; as a moving average in Tarvainen and Valpola, "Mean teachers are
    better role models", arXiv:1703.01780.

    Args:
      decay: of the average at each step, in (0, 1).
      every: steps between updates. Where Keras runs more than that in one go, there
        are as many between them.

    Raises:
      ValueError: if decay is out of range, or every below 1.
    """

    def __init__(self, decay: float, every: int = 8):
        super().__init__()
        if not 0 < decay < 1:
            raise ValueError(f"decay must be in (0, 1). Received: {decay}.")
        if every < 1:
            raise ValueError(f"every must be at least 1. Received: {every}.")
        self._decay = decay
        self._every = every
        self._restored: tuple[Sequence[np.ndarray], int] | None = None
        self._steps = 0
        self._averages: list[tf.Variable] = []
        self._update: Any = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Starts an average, or goes on from what `restore` said."""
        weights = self.model.trainable_variables
        if self._update is None:
            with self.model.distribute_strategy.scope():
                self._averages = [tf.Variable(w, trainable=False) for w in weights]
            self._update = tf.function(self._follow)
        values, self._steps = self._restored or ([w.numpy() for w in weights], 0)
        self._restored = None
        for average, value in zip(self._averages, values, strict=True):
            average.assign(value)

    @property
    def steps(self) -> int:
        """t, steps that the average is of."""
        return self._steps

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Keras counts steps from 0 in each epoch."""
        self._done = self._followed = 0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Follows the steps since the last update, if they are enough."""
        self._done = batch + 1
        if self._done - self._followed >= self._every:
            self._catch_up()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Follows what is left."""
        if self._done > self._followed:
            self._catch_up()

    def _catch_up(self) -> None:
        fresh = self._done - self._followed
        self._followed = self._done
        self._steps += fresh
        forgotten = self._decay**self._steps
        kept = (self._decay**fresh - forgotten) / (1 - forgotten)
        self._update(tf.constant(kept, tf.float32))

    def _follow(self, kept: tf.Tensor) -> None:
        weights = self.model.trainable_variables
        for average, weight in zip(self._averages, weights, strict=True):
            average.assign(weight + tf.cast(kept, weight.dtype) * (average - weight))

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Gives the model its average weights, until the end of the `with`."""
        weights = self.model.trainable_variables
        current = [w.numpy() for w in weights]
        for weight, average in zip(weights, self._averages, strict=True):
            weight.assign(average)
        try:
            yield
        finally:
            for weight, value in zip(weights, current, strict=True):
                weight.assign(value)

    def values(self) -> list[np.ndarray]:
        """The average of each trained weight."""
        return [average.numpy() for average in self._averages]

    def restore(self, values: Sequence[np.ndarray], steps: int) -> None:
        """The next training goes on from what `values` and `steps` gave."""
        self._restored = (list(values), steps)
