"""Figures of the codes of many methods and seeds: shared, resumable, in processes."""

import dataclasses
import os
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from moc_tf.training.code_figures import CodeFigures
from moc_tf.training.loading import Load, load_once
from moc_tf.training.methods import Method
from moc_tf.training.suite_folder import SuiteFolder, by_run
from moc_tf.training.workers import spread


@dataclasses.dataclass(frozen=True)
class CodeBlock:
    """What a suite measures on a data set.

    Attributes:
      dataset: its name, as the suite's `load` knows it.
      protocol: "rating", "implicit" or "click".
      indexer: settings of the indexers, (name, value) each.
      methods: (name, method) each. The name stands in the rows, and several names may
        have the same method: so has "moc" of one code that of "vq".
      seeds: of the indexers.
      num_clusters: of the raw vectors.
    """

    dataset: str
    protocol: str
    indexer: tuple[tuple[str, Any], ...]
    methods: tuple[tuple[str, Method], ...]
    seeds: tuple[int, ...]
    num_clusters: int = 256


class CodeRun(NamedTuple):
    """A row of a suite.

    Attributes:
      block: which block it is of.
      name: of the method, in the rows.
      method: whose codes are measured.
      seed: of the indexer.
    """

    block: int
    name: str
    method: Method
    seed: int


@dataclasses.dataclass(frozen=True)
class CodeOutcome:
    """Told after each code set.

    Attributes:
      runs: the rows that it gives.
      row: the first of them; None if it failed.
      error: the traceback of one that failed; "" of one that did not.
      resumed: was it measured before, here or elsewhere?
      done: rows finished or failed so far.
      total: rows of the suite.
      seconds: since the suite began.
      seconds_left: at the pace so far; None before there is one.
    """

    runs: Sequence[CodeRun]
    row: Mapping[str, Any] | None
    error: str
    resumed: bool
    done: int
    total: int
    seconds: float
    seconds_left: float | None


class CodeSuite:
    """Measures code sets, each once, whichever suite asks for it first.

    As `Suite` does of rankers: `suites/<name>/results.jsonl` under `workdir` has the
    rows of all code sets that are measured, in the order of the blocks, and
    `failures.jsonl` what became of the others. A suite that is broken off goes on where
    it was. Codes that rankers of the same `workdir` read are measured as they are.

    Args:
      name: of the suite, in every row.
      blocks: what to measure.
      load: data set and vectors by name and protocol; see `Suite`.
      workdir: where everything is written.
      part: name of a part of the suite, if the blocks are not all of it; its results
        are in `suites/<name>/parts/<part>/`.
      earlier: rows of other working folders; a code set that is found there, by its
        `run`, is not measured again.

    Raises:
      ValueError: if there is nothing to measure.
    """

    def __init__(
        self,
        name: str,
        blocks: Sequence[CodeBlock],
        load: Load,
        workdir: str | os.PathLike,
        part: str = "",
        earlier: Iterable[Mapping[str, Any]] = (),
    ):
        self.name = name
        self.blocks = list(blocks)
        self._folder = SuiteFolder(workdir, name, part)
        self._load = load
        self._workdir = Path(workdir)
        self._earlier = by_run([*self._folder.read(), *earlier])
        self.runs = [
            CodeRun(index, name, method, seed)
            for index, block in enumerate(self.blocks)
            for name, method in block.methods
            for seed in block.seeds
        ]
        if not self.runs:
            raise ValueError(f"Suite {name!r} must have runs. Received: none.")

    @property
    def folder(self) -> Path:
        """Where its results are."""
        return self._folder.path

    def finished(self) -> dict[CodeRun, dict[str, Any]]:
        """The rows of the code sets that are measured."""
        rows: dict[CodeRun, dict[str, Any]] = {}
        for runs in self._code_sets(self.runs):
            block, _, method, seed = runs[0]
            figures = self._figures(block)
            found = figures.finished(method, seed)
            if found is None:
                found = self._earlier.get(figures.run_id(method, seed))
            if found is not None:
                rows |= {run: self._row(run, found) for run in runs}
        return rows

    def run(self, num_workers: int = 1) -> Iterator[CodeOutcome]:
        """Measures what is left, reporting after each code set.

        Args:
          num_workers: processes. TensorFlow gets a share of the cores in each, so the
            last digits of a figure may depend on it.
        """
        started = time.perf_counter()
        rows = self.finished()
        errors: dict[CodeRun, str] = {}
        self._write(rows, errors)
        total, resumed = len(self.runs), len(rows)
        for done, (run, row) in enumerate(rows.items(), 1):
            seconds = time.perf_counter() - started
            yield CodeOutcome([run], row, "", True, done, total, seconds, None)
        left = self._code_sets([run for run in self.runs if run not in rows])
        # The longest first, so that no worker is left with them.
        left.sort(key=lambda runs: -runs[0].method.num_codes)
        for runs, found, error in spread(self._measure, left, num_workers):
            if found is None:
                errors |= dict.fromkeys(runs, error)
            else:
                rows |= {run: self._row(run, found) for run in runs}
            self._write(rows, errors)
            seconds, done = time.perf_counter() - started, len(rows) + len(errors)
            to_go = seconds / (done - resumed) * (total - done)
            first = rows.get(runs[0])
            yield CodeOutcome(runs, first, error, False, done, total, seconds, to_go)

    def _figures(self, index: int) -> CodeFigures:
        """Of a block; its data is loaded once in a process."""
        block = self.blocks[index]
        key = (self._load, self._workdir, dataclasses.replace(block, methods=()))
        if key not in _made:
            data, vectors = load_once(self._load, block.dataset, block.protocol)
            options = dict(block.indexer)
            _made[key] = CodeFigures(
                data, vectors, options, self._workdir, block.num_clusters
            )
        return _made[key]

    def _code_sets(self, runs: Sequence[CodeRun]) -> list[list[CodeRun]]:
        """The runs by the code set that they are of."""
        groups: dict[tuple[int, Method, int], list[CodeRun]] = {}
        for run in runs:
            groups.setdefault((run.block, run.method, run.seed), []).append(run)
        return list(groups.values())

    def _measure(
        self, runs: Sequence[CodeRun]
    ) -> Iterator[tuple[Sequence[CodeRun], dict[str, Any] | None, str]]:
        block, _, method, seed = runs[0]
        try:
            yield runs, self._figures(block).measure(method, seed), ""
        except Exception:
            yield runs, None, traceback.format_exc()

    def _row(self, run: CodeRun, figures: Mapping[str, Any]) -> dict[str, Any]:
        run_id = self._figures(run.block).run_id(run.method, run.seed)
        head = {"suite": self.name, **self._head(run), "run": run_id}
        return {**head, **{k: v for k, v in figures.items() if k not in head}}

    def _head(self, run: CodeRun) -> dict[str, Any]:
        block = self.blocks[run.block]
        return {
            "dataset": block.dataset,
            "protocol": block.protocol,
            "method": run.name,
            "num_codes": run.method.num_codes,
            "seed": run.seed,
        }

    def _write(
        self, rows: Mapping[CodeRun, Mapping[str, Any]], errors: Mapping[CodeRun, str]
    ) -> None:
        finished = [rows[run] for run in self.runs if run in rows]
        failed = [
            {**self._head(run), "error": errors[run]}
            for run in self.runs
            if run in errors
        ]
        self._folder.write(finished, failed)


_made: dict[Any, CodeFigures] = {}  # of this process
