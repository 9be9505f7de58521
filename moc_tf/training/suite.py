"""Many comparisons as one piece of work: shared, resumable, in several processes."""

import dataclasses
import json
import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from moc_tf.data.ranking_data import RankingData
from moc_tf.data.vectors import ItemVectors
from moc_tf.training.comparison import Comparison
from moc_tf.training.methods import Method
from moc_tf.training.ranker_config import RankerConfig
from moc_tf.training.run_directory import write_text
from moc_tf.training.workers import spread

Load = Callable[[str, str], tuple[RankingData, ItemVectors]]


@dataclasses.dataclass(frozen=True)
class Block:
    """A comparison of a suite.

    Attributes:
      dataset: its name, as the suite's `load` knows it.
      protocol: "rating" or "implicit".
      ranker: settings of the ranker.
      indexer: settings of the indexers, (name, value) each.
      methods: what is compared.
      seeds: of the runs.
    """

    dataset: str
    protocol: str
    ranker: RankerConfig
    indexer: tuple[tuple[str, Any], ...]
    methods: tuple[Method, ...]
    seeds: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a suite.

    Attributes:
      block: which block it is of.
      method: what the ranker knows of the items.
      seed: of indexer, initial weights and order.
    """

    block: int
    method: Method
    seed: int


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Told after each run.

    Attributes:
      run: which one.
      row: its row of results.jsonl; None if it failed.
      error: the traceback of a run that failed; "" of one that did not.
      resumed: was it done before?
      done: runs finished or failed so far.
      total: runs of the suite.
      seconds: since the suite began.
      seconds_left: at the pace so far; None before there is one.
    """

    run: Run
    row: dict[str, Any] | None
    error: str
    resumed: bool
    done: int
    total: int
    seconds: float
    seconds_left: float | None


class Suite:
    """Runs blocks of comparisons, each run once, whichever suite asks for it first.

    Suites that share a `workdir` share runs, indexers and codes; each has a folder
    `suites/<name>/` there with `results.jsonl`, the rows of all finished runs in the
    order of the blocks, and `failures.jsonl`, what became of the others. A suite that
    is broken off goes on where it was; runs that failed are tried again.

    Args:
      name: of the suite, in every row.
      blocks: what to run. Two of them must not ask for the same run.
      load: data set and vectors by name and protocol. Must be picklable, and equal to
        its copies, as each process loads a data set once.
      workdir: where everything is written.
      split: what the results are of; see `Comparison`.

    Raises:
      ValueError: if there are no blocks, or two ask for the same run.
    """

    def __init__(
        self,
        name: str,
        blocks: Sequence[Block],
        load: Load,
        workdir: str | os.PathLike,
        split: str = "test",
    ):
        self.name = name
        self.blocks = list(blocks)
        self.folder = Path(workdir) / "suites" / name
        self._load = load
        self._workdir = Path(workdir)
        self._split = split
        self.runs = [
            Run(index, method, seed)
            for index, block in enumerate(self.blocks)
            for method in block.methods
            for seed in block.seeds
        ]
        asked = [self._key(run) for run in self.runs]
        if not asked or len(set(asked)) < len(asked):
            raise ValueError(
                f"Suite {name!r} must have runs, each in one of its blocks. Received: "
                f"{len(asked)} runs, {len(set(asked))} of them different."
            )

    def _key(self, run: Run) -> tuple[Block, Method, int]:
        block = dataclasses.replace(self.blocks[run.block], methods=(), seeds=())
        return block, run.method, run.seed

    def finished(self) -> dict[Run, dict[str, Any]]:
        """The rows of the runs that are done."""
        rows = {}
        for index in range(len(self.blocks)):
            comparison = self._comparison(index)
            for run in self.runs:
                if run.block == index and (
                    row := comparison.finished(run.method, run.seed)
                ):
                    rows[run] = row
        return rows

    def run(self, num_workers: int = 1) -> Iterator[Outcome]:
        """Does what is left to do, reporting after each run.

        All codes are made first, so that rankers share them; then the rankers are
        trained, method by method, so that a model is traced once for all seeds.

        Args:
          num_workers: processes. TensorFlow gets a share of the cores in each, so
            the last digits of a result may depend on it.
        """
        started = time.perf_counter()
        self.folder.mkdir(parents=True, exist_ok=True)
        rows = self.finished()
        errors: dict[Run, str] = {}
        self._write(rows, errors)
        total, resumed = len(self.runs), len(rows)
        for done, (run, row) in enumerate(rows.items(), 1):
            seconds = time.perf_counter() - started
            yield Outcome(run, row, "", True, done, total, seconds, None)

        def outcome(run: Run, error: str) -> Outcome:
            done, seconds = len(rows) + len(errors), time.perf_counter() - started
            left = seconds / max(done - resumed, 1) * (total - done)
            row = rows.get(run)
            return Outcome(run, row, error, False, done, total, seconds, left)

        left = [run for run in self.runs if run not in rows]
        fits = self._fits(left)
        for key, error in spread(self._make_codes, list(fits), num_workers):
            if error:
                for run in fits[key]:  # none of them can be trained
                    errors[run] = error
                    yield outcome(run, error)
        left = [run for run in left if run not in errors]
        for run, found, error in spread(
            self._train, self._trainings(left), num_workers
        ):
            if found is None:
                errors[run] = error
            else:
                rows[run] = found
            self._write(rows, errors)
            yield outcome(run, error)

    def _comparison(self, index: int) -> Comparison:
        """The comparison of a block; its data is loaded once in a process."""
        block = self.blocks[index]
        key = (self._load, block.dataset, block.protocol)
        if key not in _loaded:
            _loaded[key] = self._load(block.dataset, block.protocol)
        data, vectors = _loaded[key]
        return Comparison(
            self.name,
            data,
            vectors,
            block.methods,
            block.seeds,
            block.ranker,
            dict(block.indexer),
            self._workdir,
            split=self._split,
            keep_models=False,
        )

    def _fits(self, runs: Sequence[Run]) -> dict[Run, list[Run]]:
        """A run for each indexer that `runs` need, and all that need the same."""
        groups: dict[Any, list[Run]] = {}
        for run in runs:
            if run.method.has_codes:
                block = self.blocks[run.block]
                made_of = (block.dataset, block.protocol, block.indexer)
                groups.setdefault((made_of, run.method, run.seed), []).append(run)
        # The longest first, so that no worker is left with them.
        ordered = sorted(groups.values(), key=lambda group: -group[0].method.num_codes)
        return {group[0]: group for group in ordered}

    def _trainings(self, runs: Sequence[Run]) -> list[list[Run]]:
        """The runs of a block and method, which one worker does."""
        groups: dict[tuple[int, Method], list[Run]] = {}
        for run in runs:
            groups.setdefault((run.block, run.method), []).append(run)
        return list(groups.values())

    def _make_codes(self, run: Run) -> Iterator[tuple[Run, str]]:
        try:
            self._comparison(run.block).make_codes(run.method, run.seed)
            yield run, ""
        except Exception:
            yield run, traceback.format_exc()

    def _train(
        self, runs: Sequence[Run]
    ) -> Iterator[tuple[Run, dict[str, Any] | None, str]]:
        comparison = self._comparison(runs[0].block)
        for run in runs:
            try:
                yield run, comparison.run_one(run.method, run.seed)[0], ""
            except Exception:
                yield run, None, traceback.format_exc()

    def _write(self, rows: dict[Run, dict[str, Any]], errors: dict[Run, str]) -> None:
        finished = [rows[run] for run in self.runs if run in rows]
        failed = [
            {
                "dataset": self.blocks[run.block].dataset,
                "protocol": self.blocks[run.block].protocol,
                "model": self.blocks[run.block].ranker.model,
                **dataclasses.asdict(run.method),
                "seed": run.seed,
                "error": errors[run],
            }
            for run in self.runs
            if run in errors
        ]
        for name, entries in (("results", finished), ("failures", failed)):
            lines = "".join(json.dumps(entry) + "\n" for entry in entries)
            write_text(self.folder / f"{name}.jsonl", lines)


_loaded: dict[Any, tuple[RankingData, ItemVectors]] = {}  # of this process
