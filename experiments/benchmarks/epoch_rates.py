"""The time of a training that Keras runs, in epochs of a running `fit`."""

import itertools
import time
from typing import Any

from experiments.benchmarks.measuring import CpuWatch, Measured
from experiments.benchmarks.shapes import Effort
from moc_tf._keras import keras


class EpochClock(keras.callbacks.Callback):
    """Takes the time at the end of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self._ends: list[float] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes it."""
        self._ends.append(time.perf_counter())

    def lengths(self) -> list[float]:
        """Seconds of each epoch but the first, in which the graph is traced."""
        return [end - start for start, end in itertools.pairwise(self._ends)]


class EpochRates(keras.callbacks.Callback):
    """Counts epochs into repeats, and ends the training after the last.

    The first epoch, in which the graph is traced, and as many as the effort wants to
    warm up with, do not count. All that `fit` does between epochs does, but for
    callbacks that it runs after this one.

    Args:
      units: examples of an epoch.
      effort: a repeat is as many epochs as fill its `min_seconds`.

    Attributes:
      epochs: that were gone through.
    """

    def __init__(self, units: float, effort: Effort):
        super().__init__()
        self.epochs = 0
        self._units = units
        self._effort = effort
        self._values: list[float] = []
        self._watch: CpuWatch | None = None
        self._share: float | None = None
        self._started, self._counted = 0.0, 0

    @property
    def measured(self) -> Measured:
        """Units a second.

        Raises:
          ValueError: if the training ended before the last repeat.
        """
        if len(self._values) < self._effort.repeats or self._watch is None:
            raise ValueError(
                f"A training must last for {self._effort.repeats} repeats. Received: "
                f"{self.epochs} epochs, enough for {len(self._values)}."
            )
        return Measured(self._values, self._share)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes the time."""
        self.epochs += 1
        now = time.perf_counter()
        if self._watch is None:
            if self.epochs >= self._warmup_epochs:
                self._watch = CpuWatch()
                self._started = time.perf_counter()
            return
        self._counted += 1
        elapsed = now - self._started
        if elapsed < self._effort.min_seconds:
            return
        self._values.append(self._units * self._counted / elapsed)
        self._started, self._counted = now, 0
        if len(self._values) == self._effort.repeats:
            self._share = self._watch.other_share()
            self.model.stop_training = True

    @property
    def _warmup_epochs(self) -> int:
        return max(1, self._effort.warmup_calls - 1)
