"""Chooses settings one after the other, by what rankers reach on validation data."""

import dataclasses
import os
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from experiments import settings
from experiments.reporting.rows import SEARCH_PREFIX
from experiments.suite_progress import run_suite
from moc_tf.indexing import method_options
from moc_tf.ranking import interactions
from moc_tf.training import Block, Method, Suite
from moc_tf.training.loading import Load


class SearchError(RuntimeError):
    """A run of a search failed, so that its candidates cannot be compared."""


class SettingsSearch:
    """Searches for one data set; a search that is broken off goes on.

    Every candidate is judged by the mean validation AUC over methods and seeds, so that
    none of the methods is favoured.

    Args:
      dataset: "planted", the name of an Amazon data set, or that of files.
      protocol: "rating", "implicit" or "click".
      methods: averaged.
      seeds: averaged.
      load: of the data; see `Suite`.
      workdir: where the runs are.
      num_workers: processes.
    """

    def __init__(
        self,
        dataset: str,
        protocol: str,
        methods: Sequence[Method],
        seeds: Sequence[int],
        load: Load,
        workdir: str | os.PathLike,
        num_workers: int,
    ):
        self._data = (dataset, protocol)
        self._default = settings.default_setting(dataset, protocol)
        self._methods = list(methods)
        self._seeds = tuple(seeds)
        self._load = load
        self._workdir = workdir
        self._num_workers = num_workers

    def indexers(self, models: Sequence[str]) -> dict[str, Any] | None:
        """The indexers' settings, by the mean over rankers as they are by default.

        Args:
          models: names of the rankers.

        Returns:
          An entry of `settings.Searched`; None if no method has an indexer with one of
          these settings. A trial is of the methods that have what it varies.

        Raises:
          SearchError: if a run failed.
        """
        chosen: dict[str, Any] = {}
        trials: list[dict[str, Any]] = []
        averaged: dict[Method, None] = {}
        for name, candidates in settings.SEARCHED_OF_INDEXERS.items():
            methods = [
                method
                for method in self._methods
                if method.has_codes and name in method_options(method.name)
            ]
            if not methods:
                continue
            averaged |= dict.fromkeys(methods)
            tried = [{**chosen, name: value} for value in candidates]
            blocks = [
                [self._block(model, {}, options, methods) for model in models]
                for options in tried
            ]
            found = self._trials(f"indexers_{name}", tried, blocks)
            chosen[name] = _best(found)["settings"][name]
            trials += found
            _tell(name, candidates, {"indexers": found})
        if not trials:
            return None
        return {
            "chosen": chosen,
            "models": list(models),
            **self._entry(list(averaged), trials),
        }

    def rankers(
        self, models: Sequence[str], indexer: Mapping[str, Any]
    ) -> dict[str, dict[str, Any]]:
        """The settings of each ranker.

        Args:
          models: names of the rankers.
          indexer: chosen settings of the indexers.

        Returns:
          Entries of `settings.Searched`, by ranker.

        Raises:
          SearchError: if a run failed.
        """
        chosen: dict[str, dict[str, Any]] = {model: {} for model in models}
        trials: dict[str, list[dict[str, Any]]] = {model: [] for model in models}
        _, protocol = self._data
        for name, candidates in settings.SEARCHED[protocol].items():
            # A ranker without an MLP has no widths to choose.
            having = [
                model
                for model in models
                if name != "hidden_units" or name in interactions.options(model)
            ]
            tried = [
                (model, {**chosen[model], name: value})
                for model in having
                for value in candidates
            ]
            if not tried:
                continue
            found = self._trials(
                name,
                [options for _, options in tried],
                [
                    [self._block(model, options, indexer, self._methods)]
                    for model, options in tried
                ],
            )
            by_model = {
                model: [
                    t for (of, _), t in zip(tried, found, strict=True) if of == model
                ]
                for model in having
            }
            for model, of_model in by_model.items():
                chosen[model][name] = _best(of_model)["settings"][name]
                trials[model] += of_model
            _tell(name, candidates, by_model)
        return {
            model: {
                "chosen": chosen[model],
                **self._entry(self._methods, trials[model]),
            }
            for model in models
        }

    def _block(
        self,
        model: str,
        ranker: Mapping[str, Any],
        indexer: Mapping[str, Any],
        methods: Sequence[Method],
    ) -> Block:
        """Runs with settings other than the default ones."""
        return Block(
            *self._data,
            dataclasses.replace(self._default.ranker, model=model, **ranker),
            tuple({**self._default.indexer, **indexer}.items()),
            tuple(methods),
            self._seeds,
        )

    def _trials(
        self,
        name: str,
        tried: Sequence[Mapping[str, Any]],
        blocks: Sequence[Sequence[Block]],
    ) -> list[dict[str, Any]]:
        """What each candidate reaches.

        Args:
          name: of what is varied.
          tried: settings of each candidate.
          blocks: of each candidate, what is averaged.
        """
        of_block = [index for index, group in enumerate(blocks) for _ in group]
        suite = Suite(
            f"{SEARCH_PREFIX}{settings.config_path(*self._data).stem}_{name}",
            [block for group in blocks for block in group],
            self._load,
            self._workdir,
            "validation",
        )
        if failed := run_suite(suite, self._num_workers):
            raise SearchError(f"{failed} runs failed; see {suite.folder}.")
        aucs: list[list[float]] = [[] for _ in tried]
        for run, row in suite.finished().items():
            aucs[of_block[run.block]].append(row["auc"])
        return [
            {
                "settings": dict(options),
                "validation_auc": round(statistics.mean(found), 5),
                "runs": len(found),
            }
            for options, found in zip(tried, aucs, strict=True)
        ]

    def _entry(
        self, methods: Sequence[Method], trials: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        return {
            "methods": [method.id for method in methods],
            "seeds": len(self._seeds),
            "trials": list(trials),
        }


def _best(trials: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The first of those with the highest AUC."""
    return max(trials, key=lambda trial: trial["validation_auc"])


def _tell(
    name: str,
    candidates: Sequence[Any],
    trials: Mapping[str, Sequence[Mapping[str, Any]]],
) -> None:
    print(f"\n{name:<14}" + "".join(f"{value!s:>16}" for value in candidates))
    for who, found in trials.items():
        aucs = (trial["validation_auc"] for trial in found)
        print(f"{who:<14}" + "".join(f"{auc:>16.4f}" for auc in aucs))
    print(flush=True)
