"""Many comparisons as one piece of work: shared, resumable, in several processes."""

import os
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from moc_tf.training.comparison import Comparison
from moc_tf.training.loading import Load, load_once
from moc_tf.training.methods import Method
from moc_tf.training.suite_folder import SuiteFolder, by_run
from moc_tf.training.suite_runs import Block, Outcome, Run, settings_apart
from moc_tf.training.tally import Tally
from moc_tf.training.workers import spread


class Suite:
    """Runs blocks of comparisons, each run once, whichever suite asks for it first.

    Suites that share a `workdir` share runs, indexers and codes; each has a folder
    `suites/<name>/` there with `results.jsonl`, the rows of all finished runs in the
    order of the blocks, and `failures.jsonl`, what became of the others. Rows that are
    there of runs that the blocks do not ask for, such as of other seeds or versions of
    packages, stay in `earlier.jsonl` beside it. A suite that is broken off goes on
    where it was; runs that failed are tried again.

    Args:
      name: of the suite, in every row.
      blocks: what to run. Two of them must not ask for the same run. What is the same
        in other suites, also of processes that run at the same time, is done once.
      load: data set and vectors by name and protocol. Must be picklable, and equal to
        its copies, as each process loads a data set once.
      workdir: where everything is written.
      split: what the results are of; see `Comparison`.
      part: name of a part of the suite, if the blocks are not all of it; its results
        are in `suites/<name>/parts/<part>/`.
      earlier: rows of other working folders, perhaps of other machines. A run that is
        found there, by its `run`, which holds a digest of all that it depends on, is
        not done again; nor is one whose row is in the suite's folder already.

    Raises:
      ValueError: if there are no runs, the training of a ranker is distributed, or the
        rows in the suite's folder cannot be read.
    """

    def __init__(
        self,
        name: str,
        blocks: Sequence[Block],
        load: Load,
        workdir: str | os.PathLike,
        split: str = "test",
        part: str = "",
        earlier: Iterable[Mapping[str, Any]] = (),
    ):
        self.name = name
        self.blocks = list(blocks)
        self._apart = settings_apart(self.blocks)
        self._folder = SuiteFolder(workdir, name, part)
        self._load = load
        self._workdir = Path(workdir)
        self._split = split
        self._earlier = by_run([*self._folder.read(), *earlier])
        self.runs = [
            Run(index, method, seed)
            for index, block in enumerate(self.blocks)
            for method in block.methods
            for seed in block.seeds
        ]
        if not self.runs:
            raise ValueError(f"Suite {name!r} must have runs. Received: none.")
        for block in self.blocks:
            if block.ranker.distribution != "none":
                raise ValueError(
                    "The processes of a suite train a ranker each, so that its own "
                    "training cannot be distributed. Received: distribution="
                    f"{block.ranker.distribution!r}."
                )

    @property
    def folder(self) -> Path:
        """Where its results are."""
        return self._folder.path

    def finished(self) -> dict[Run, dict[str, Any]]:
        """The rows of the runs that are done.

        Raises:
          ValueError: if two blocks ask for the same run.
        """
        rows: dict[Run, dict[str, Any]] = {}
        asked: dict[str, Run] = {}
        for index in range(len(self.blocks)):
            comparison = self._comparison(index)
            for run in self.runs:
                if run.block != index:
                    continue
                run_id, row = comparison.look_up(run.method, run.seed)
                if asked.setdefault(run_id, run) != run:
                    raise ValueError(
                        f"Blocks of suite {self.name!r} must ask for different runs. "
                        f"Received: twice {run.method} with seed {run.seed}, in blocks "
                        f"{asked[run_id].block} and {index}."
                    )
                row = row or self._earlier.get(run_id)
                if row is not None:
                    rows[run] = {**row, "suite": self.name}
        return rows

    def run(self, num_workers: int = 1) -> Iterator[Outcome]:
        """Does what is left to do, reporting after each run.

        One data set is finished after the other, so that a suite which is broken off
        has whole tables. Of each, all codes are made first, which rankers share; then
        the rankers are trained, method by method, so that a model is traced once for
        all seeds.

        Args:
          num_workers: processes. TensorFlow gets a share of the cores in each, so
            the last digits of a result may depend on it.
        """
        tally = Tally(len(self.runs))
        rows = self.finished()
        self._write(rows, {})
        for run, row in rows.items():
            yield tally.resumed(run, row)
        for left in self._by_data([run for run in self.runs if run not in rows]):
            yield from self._fit_phase(left, tally, num_workers)
            yield from self._train_phase(left, tally, num_workers)

    def _fit_phase(
        self, runs: Sequence[Run], tally: Tally, num_workers: int
    ) -> Iterator[Outcome]:
        """Makes the codes that `runs` read."""
        groups = self._fits(runs)
        tally.start_fits(len(groups))
        for group, error in spread(self._make_codes, groups, num_workers):
            outcome = tally.fitted(group, error)
            if error:
                self._write(tally.rows, tally.errors)
            yield outcome

    def _train_phase(
        self, runs: Sequence[Run], tally: Tally, num_workers: int
    ) -> Iterator[Outcome]:
        """Trains the rankers of `runs` whose codes could be made."""
        groups = self._trainings([run for run in runs if run not in tally.errors])
        tally.start_trainings()
        for run, row, error in spread(self._train, groups, num_workers):
            outcome = tally.trained(run, row, error)
            self._write(tally.rows, tally.errors)
            yield outcome

    def _by_data(self, runs: Sequence[Run]) -> list[list[Run]]:
        """`runs` by data set and protocol, in the order of the blocks."""
        groups: dict[tuple[str, str], list[Run]] = {}
        for run in runs:
            block = self.blocks[run.block]
            groups.setdefault((block.dataset, block.protocol), []).append(run)
        return list(groups.values())

    def _comparison(self, index: int) -> Comparison:
        """The comparison of a block; its data is loaded once in a process."""
        block = self.blocks[index]
        data, vectors = load_once(self._load, block.dataset, block.protocol)
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

    def _fits(self, runs: Sequence[Run]) -> list[list[Run]]:
        """Those of `runs` that read codes, by the indexer that they share."""
        groups: dict[Path, list[Run]] = {}
        for index in range(len(self.blocks)):
            comparison = self._comparison(index)
            for run in runs:
                if run.block == index and (
                    path := comparison.fit_path(run.method, run.seed)
                ):
                    groups.setdefault(path, []).append(run)
        # The longest first, so that no worker is left with them.
        return sorted(groups.values(), key=lambda group: -group[0].method.num_codes)

    def _trainings(self, runs: Sequence[Run]) -> list[list[Run]]:
        """The runs of a block and method, which one worker does."""
        groups: dict[tuple[int, Method], list[Run]] = {}
        for run in runs:
            groups.setdefault((run.block, run.method), []).append(run)
        return list(groups.values())

    def _make_codes(self, runs: Sequence[Run]) -> Iterator[tuple[Sequence[Run], str]]:
        try:
            for run in {run.method: run for run in runs}.values():
                self._comparison(run.block).make_codes(run.method, run.seed)
            yield runs, ""
        except Exception:
            yield runs, traceback.format_exc()

    def _train(
        self, runs: Sequence[Run]
    ) -> Iterator[tuple[Run, dict[str, Any] | None, str]]:
        comparison: Comparison | None = None
        for run in runs:
            try:
                comparison = comparison or self._comparison(run.block)
                yield run, comparison.run_one(run.method, run.seed)[0], ""
            except Exception:
                yield run, None, traceback.format_exc()

    def _write(self, rows: dict[Run, dict[str, Any]], errors: dict[Run, str]) -> None:
        finished = [rows[run] for run in self.runs if run in rows]
        failed = [
            {**self._head(run), "seed": run.seed, "error": errors[run]}
            for run in self.runs
            if run in errors
        ]
        self._folder.write(finished, failed)

    def _head(self, run: Run) -> dict[str, Any]:
        """What a run is, as its row would tell, and in what its block is unlike others.

        Of two candidates of a search, say, rows tell no difference.
        """
        block = self.blocks[run.block]
        ranker, indexer = self._apart[run.block]
        return {
            "dataset": block.dataset,
            "protocol": block.protocol,
            "model": block.ranker.model,
            **ranker,
            **indexer,
            **run.method.row_head(block.ranker.fusion, block.ranker.code_variant),
        }
