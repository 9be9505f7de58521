"""Compares ways to give a ranker what an LLM knows: methods times seeds."""

import collections
import dataclasses
import json
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf.code_table import CodeTable
from moc_tf.data.ranking_data import RankingData
from moc_tf.data.vectors import ItemVectors
from moc_tf.ranking import Ranker
from moc_tf.training.distribution import make_strategy, wait_for_all, writes
from moc_tf.training.environment import package_versions
from moc_tf.training.folder_lock import only_one
from moc_tf.training.method_codes import MethodCodes
from moc_tf.training.methods import Method
from moc_tf.training.predictions import Predictions
from moc_tf.training.ranker_config import RankerConfig
from moc_tf.training.ranker_trainer import RankerTrainer, TrainedRanker
from moc_tf.training.run_directory import RunDirectory, digest, write_text
from moc_tf.training.run_result import run_result
from moc_tf.training.serving_record import (
    SERVING_FILE,
    ServingRecord,
    keep_serving_data,
)
from moc_tf.training.workers import spread

SPLITS = ("test", "validation")


@dataclasses.dataclass(frozen=True)
class Progress:
    """Told after each run.

    Attributes:
      done: runs finished so far.
      total: runs of the comparison.
      seconds: since the comparison began.
      result: of the run, as it stands in results.jsonl.
      resumed: was it read from an earlier, finished run?
      results: of all runs so far, in the order of methods and seeds.
    """

    done: int
    total: int
    seconds: float
    result: Mapping[str, Any]
    resumed: bool
    results: Sequence[Mapping[str, Any]]


class Comparison:
    """Trains a ranker for each method and seed; every seed has an indexer of its own.

    Each run has a folder under `workdir`, and a finished one is not done again. Folders
    end in a digest of all settings, so that those of other settings stay:

        runs/<model>/<method>/<fusion>/seed-<seed>-<digest>/   see `RunDirectory`
        codes/, indexers/, indexer_logs/                       see `MethodCodes`
        serving/<digest>/      vocabularies and item features, for `export_run`
        locks/                 held by the process that works in a folder
        results.jsonl          one flat object a run, of the latest comparison alone

    The `variant` of a result is that of the method and, if it has codes, of the code
    tables (`RankerConfig.code_variant`), joined: "" if all is as by default, or such as
    "shuffled", "prefix" or "shuffled+codebooks+frozen".

    Args:
      suite: name of the comparison, in every result.
      data: log and catalogue.
      vectors: of the catalogue's items.
      methods: what is compared.
      seeds: each varies indexer, initial weights and order.
      ranker: settings of the ranker.
      indexer_options: settings of the indexers, but for `num_codebooks` and `seed`;
        each method takes those that it has.
      workdir: where everything is written.
      tables: code tables that are given, by method name.
      split: what the results are of: "test", or "validation", which leaves the test
        part alone, to choose settings by.
      keep_models: whether runs keep weights, what it takes to serve them, what they
        predict and, until they are finished, the state after each epoch.
      told_options: names among `indexer_options` of what is not as usual, which the
        results of methods that take it tell under "indexer_options".

    Raises:
      ValueError: if methods or seeds are missing or repeated, an item has no vector,
        or a method and its settings or its given table do not fit.
    """

    def __init__(
        self,
        suite: str,
        data: RankingData,
        vectors: ItemVectors,
        methods: Sequence[Method],
        seeds: Sequence[int],
        ranker: RankerConfig,
        indexer_options: Mapping[str, Any],
        workdir: str | os.PathLike,
        tables: Mapping[str, CodeTable] | None = None,
        split: str = "test",
        keep_models: bool = True,
        told_options: Collection[str] = (),
    ):
        if split not in SPLITS:
            raise ValueError(f"split must be one of {SPLITS}. Received: {split!r}.")
        self._suite = suite
        self._split = split
        self._keep_models = keep_models
        self._told_options = frozenset(told_options)
        self._traced: tuple[Method, RankerTrainer] | None = None
        self._serving_data: dict[str, Path] = {}
        self._data = data
        self._items = ItemVectors(data.item_ids, vectors.aligned_to(data.item_ids))
        self._methods = list(methods)
        self._seeds = list(seeds)
        self._ranker = ranker
        self._workdir = Path(workdir)
        self._codes = MethodCodes(
            data, self._items, indexer_options, self._workdir, tables or {}
        )
        for what, values in (("methods", self._methods), ("seeds", self._seeds)):
            if not values or len(set(values)) < len(values):
                raise ValueError(
                    f"A comparison needs {what}, all different. Received: {values}."
                )
        for method in self._methods:
            self._codes.check(method, self._starts_from_codebooks(method))

    def run(self, num_workers: int = 1) -> Iterator[Progress]:
        """Does what is left to do, reporting after each run.

        Runs go method by method, so that a model is traced once for all seeds.
        `results.jsonl` is complete once the iterator is exhausted.

        Args:
          num_workers: processes that share the methods. TensorFlow gets a share of
            the cores in each, so the last digits of a result may depend on it.

        Raises:
          ValueError: if several processes are to share the methods of a distributed
            training, whose devices belong to one.
        """
        if num_workers > 1 and self._ranker.distribution != "none":
            raise ValueError(
                "num_workers must be 1 where the training itself is distributed. "
                f"Received: {num_workers}, with distribution "
                f"{self._ranker.distribution!r}."
            )
        started = time.perf_counter()
        self._keep_what_runs_share()
        total = len(self._methods) * len(self._seeds)
        rows: dict[tuple[int, int], dict[str, Any]] = {}
        # Methods that share an indexer go to one worker, and the others need not wait.
        groups: dict[Any, list[int]] = collections.defaultdict(list)
        for index, method in enumerate(self._methods):
            groups[self.fit_path(method, self._seeds[0]) or method].append(index)
        tasks = list(groups.values())
        if num_workers > 1:  # the longest first, so that no worker is left with it
            tasks.sort(key=lambda group: -self._methods[group[0]].num_codes)
        for place, row, resumed in spread(self._run_methods, tasks, num_workers):
            rows[place] = row
            results = [rows[key] for key in sorted(rows)]
            if num_workers > 1 or writes(self._strategy()):
                lines = "".join(json.dumps(each) + "\n" for each in results)
                write_text(self._workdir / "results.jsonl", lines)
            seconds = time.perf_counter() - started
            yield Progress(len(rows), total, seconds, row, resumed, results)

    def _run_methods(
        self, indices: Sequence[int]
    ) -> Iterator[tuple[tuple[int, int], dict[str, Any], bool]]:
        for index in indices:
            for position, seed in enumerate(self._seeds):
                row, resumed = self.run_one(self._methods[index], seed)
                yield (index, position), row, resumed

    def finished(self, method: Method, seed: int) -> dict[str, Any] | None:
        """The row of a run that is done; None of one that is not.

        Where models are kept, a run without its own is not done.
        """
        return self.look_up(method, seed)[1]

    def run_path(self, method: Method, seed: int) -> Path:
        """The folder of a run."""
        return self._run_directory(method, seed).path

    def run_id(self, method: Method, seed: int) -> str:
        """The folder of a run in `workdir`: alike wherever all it depends on is."""
        return self._id(self._run_directory(method, seed))

    def look_up(self, method: Method, seed: int) -> tuple[str, dict[str, Any] | None]:
        """A run's `run_id` and what is `finished` of it, at the cost of one of them."""
        directory = self._run_directory(method, seed)
        result = directory.finished_result()
        lacks_model = self._keep_models and not (directory.path / SERVING_FILE).exists()
        if result is None or lacks_model:
            return self._id(directory), None
        row = {**result["row"], "suite": self._suite, **self._told(method)}
        return self._id(directory), row

    def fit_path(self, method: Method, seed: int) -> Path | None:
        """The folder of the indexer that a run reads codes of; None without one."""
        return self._codes.fit_path(method, seed)

    def make_codes(self, method: Method, seed: int) -> None:
        """Fits the indexer of a run and encodes all items, unless that is done."""
        self._codes.table(method, seed)

    def run_one(self, method: Method, seed: int) -> tuple[dict[str, Any], bool]:
        """Does one run, or finds it done: (row of results.jsonl, was it done before?).

        The model stays traced until another method is run. Of several processes that
        ask for the same run, one does it and the others wait.
        """
        self._keep_what_runs_share()
        strategy = self._strategy()
        wait_for_all(strategy)  # so that all find the same results
        directory = self._run_directory(method, seed)
        lock = only_one(self._workdir, directory.path)
        with lock if writes(strategy) else nullcontext():
            done = self.finished(method, seed)
            if done is not None:
                return done, True
            try:
                return self._train(method, seed, directory, strategy), False
            except BaseException:
                self._traced = None  # what Keras left in the middle of a training
                raise

    def _train(
        self,
        method: Method,
        seed: int,
        directory: RunDirectory,
        strategy: tf.distribute.Strategy,
    ) -> dict[str, Any]:
        is_first = writes(strategy)
        table = self._codes.table(method, seed) if is_first else None
        if is_first:
            directory.start()
        wait_for_all(strategy)
        if not is_first:
            table = self._codes.table(method, seed)  # which the first has made
        trainer = self._trainer(method, table)
        trained = trainer.train(
            seed,
            table,
            [directory.epoch_logger()] if is_first else [],
            self._codebooks(method, seed),
            directory.progress if self._keep_models else None,
            evaluate_test=self._split == "test",
        )
        result = run_result(self._row_head(method, seed), self._data.sha256, trained)
        if is_first:
            model = None
            if self._keep_models:
                model = trainer.single_model()
                self._serving_record(method, seed, model).write(directory.path)
                self._predictions(trained).save(directory.path)
            directory.finish(model, result)
        return result["row"]

    def __getstate__(self) -> dict[str, Any]:
        """Without the traced model, which another process makes for itself."""
        return {**self.__dict__, "_traced": None}

    def _strategy(self) -> tf.distribute.Strategy:
        return make_strategy(self._ranker.distribution, self._ranker.num_replicas)

    def _keep_what_runs_share(self) -> None:
        """Writes it, and knows where, before there are workers to do so one by one."""
        if not self._keep_models or self._serving_data:
            return
        if not writes(self._strategy()):
            return
        self._serving_data = {
            name: keep_serving_data(
                method.applied_to(self._data, self._items), self._workdir
            )
            for name, method in {m.name: m for m in self._methods}.items()
        }
        self._codes.keep_given(self._methods)

    def _serving_record(
        self, method: Method, seed: int, model: Ranker
    ) -> ServingRecord:
        shuffled_seed = seed if method.variant == "shuffled" else None
        folders = self._codes.folders(method, seed)
        data = self._serving_data[method.name]
        return ServingRecord.of(model, data, shuffled_seed=shuffled_seed, **folders)

    def _predictions(self, trained: TrainedRanker) -> Predictions:
        part = self._data.test if self._split == "test" else self._data.validation
        return Predictions(
            self._split,
            self._data.sha256,
            part.labels,
            trained.logits,
            part.user_rows,
            part.new_item,
        )

    def _starts_from_codebooks(self, method: Method) -> bool:
        return self._ranker.code_start == "codebooks" and method.has_codes

    def _method_head(self, method: Method) -> dict[str, Any]:
        return method.row_head(self._ranker.fusion, self._ranker.code_variant)

    def _id(self, directory: RunDirectory) -> str:
        return directory.path.relative_to(self._workdir).as_posix()

    def _run_directory(self, method: Method, seed: int) -> RunDirectory:
        config = {
            "split": self._split,
            "dataset": self._data.name,
            "protocol": self._data.protocol,
            "data_sha256": self._data.sha256,
            "item_features_sha256": self._data.item_features_sha256,
            "part_sha256": {
                "train": self._data.train.sha256,
                "validation": self._data.validation.sha256,
                "test": self._data.test.sha256,
            },
            "vectors_sha256": self._codes.vectors_sha256,
            "method": dataclasses.asdict(method),
            "seed": seed,
            "ranker": dataclasses.asdict(self._ranker),
            "schema": self._data.schema.to_config(),
            "package_versions": package_versions(),
            **self._codes.identity(method, seed),
        }
        folder = self._workdir / "runs" / self._ranker.model / method.id
        name = f"seed-{seed}-{digest(config)}"
        return RunDirectory(folder / self._method_head(method)["fusion"] / name, config)

    def _row_head(self, method: Method, seed: int) -> dict[str, Any]:
        return {
            "suite": self._suite,
            "dataset": self._data.name,
            "protocol": self._data.protocol,
            "model": self._ranker.model,
            **self._method_head(method),
            "seed": seed,
            "split": self._split,
            "run": self.run_id(method, seed),
            **self._told(method),
        }

    def _told(self, method: Method) -> dict[str, Any]:
        """What a row tells of the settings of the method's indexer."""
        options = self._codes.options(method).items()
        told = {name: value for name, value in options if name in self._told_options}
        return {"indexer_options": told} if told else {}

    def _trainer(self, method: Method, table: CodeTable | None) -> RankerTrainer:
        if self._traced is None or self._traced[0] != method:
            data = method.applied_to(self._data, self._items)
            trainer = RankerTrainer(self._ranker, data, data.schema_with(table))
            self._traced = (method, trainer)
        return self._traced[1]

    def _codebooks(self, method: Method, seed: int) -> np.ndarray | None:
        """What the code tables start from: of the indexer that made the codes."""
        if self._starts_from_codebooks(method):
            return self._codes.codebooks(method, seed)
        return None
