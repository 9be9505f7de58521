"""What became of the runs of a suite so far, and how long the rest takes."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from moc_tf.training.suite_runs import Outcome, Run


class Tally:
    """Counts runs as they end, and makes the `Outcome` that tells of each.

    Fits and trainings take turns, a data set after the other. What is left of the fits
    goes by the pace of this turn, what is left of all runs by that of all trainings.

    Args:
      total: runs of the suite.
      clock: tells the time in seconds.

    Attributes:
      rows: of the runs that are finished.
      errors: tracebacks of those that failed.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.perf_counter):
        self.rows: dict[Run, dict[str, Any]] = {}
        self.errors: dict[Run, str] = {}
        self._total = total
        self._clock = clock
        self._started = self._since = clock()
        self._fits = self._fitted = self._trained = 0
        self._training_seconds = 0.0

    def resumed(self, run: Run, row: Mapping[str, Any]) -> Outcome:
        """A run was done before."""
        self.rows[run] = dict(row)
        return self._outcome(run, resumed=True, seconds_left=None)

    def start_fits(self, number: int) -> None:
        """Indexers are fitted from now on."""
        self._fits, self._fitted, self._since = number, 0, self._clock()

    def fitted(self, runs: Sequence[Run], error: str) -> Outcome:
        """The indexer of `runs` is there, or they all fail with `error`."""
        self._fitted += 1
        now = self._clock()
        pace = (now - self._since) / self._fitted
        if error:
            self.errors |= dict.fromkeys(runs, error)
        return Outcome(
            runs[0],
            None,
            error,
            of_indexer=True,
            resumed=False,
            done=self._fitted,
            total=self._fits,
            seconds=now - self._started,
            seconds_left=pace * (self._fits - self._fitted),
        )

    def start_trainings(self) -> None:
        """Rankers are trained from now on."""
        self._since = self._clock()

    def trained(self, run: Run, row: dict[str, Any] | None, error: str) -> Outcome:
        """A run has its row, or failed with `error`."""
        if row is None:
            self.errors[run] = error
        else:
            self.rows[run] = row
        now = self._clock()
        self._training_seconds += now - self._since
        self._since = now
        self._trained += 1
        pace = self._training_seconds / self._trained
        return self._outcome(run, False, pace * (self._total - self._done))

    @property
    def _done(self) -> int:
        return len(self.rows) + len(self.errors)

    def _outcome(self, run: Run, resumed: bool, seconds_left: float | None) -> Outcome:
        return Outcome(
            run,
            self.rows.get(run),
            self.errors.get(run, ""),
            of_indexer=False,
            resumed=resumed,
            done=self._done,
            total=self._total,
            seconds=self._clock() - self._started,
            seconds_left=seconds_left,
        )
