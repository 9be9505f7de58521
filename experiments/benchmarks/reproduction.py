"""How long the runs of the evidence's largest table take."""

import itertools
import tempfile
import time
from collections.abc import Iterator

from experiments import suites
from experiments.benchmarks.cases import Task
from experiments.benchmarks.measuring import CpuWatch, Measured
from experiments.benchmarks.records import Record
from experiments.datasets import Loader
from moc_tf.training import Method, Suite

_WORKERS = 2
_SEEDS = 2
_METHODS = (Method("none", 0), Method("me", 7), Method("rq_vae", 7), Method("moc", 7))


def measure(task: Task) -> Iterator[Record]:
    """Seconds of some of table1's runs with two workers, indexers included.

    With a folder of the Amazon files: four rankers and four methods on Beauty with two
    seeds; without, on the planted benchmark. `table1_hours` takes the whole table to
    cost, for each row of its training parts, what these runs cost for theirs; that
    counts two seeds for a model's tracing, where the table has five.
    """
    data, load = _data(task), Loader(task.data_dir)
    blocks = [
        suites.with_methods(block, _METHODS)
        for block in suites.SUITES["table1"](data[:1], range(_SEEDS))
    ]
    with tempfile.TemporaryDirectory() as folder:
        suite = Suite("benchmark", blocks, load, folder)
        watch, started = CpuWatch(), time.perf_counter()
        indexing, count = 0.0, 0
        for outcome in suite.run(_WORKERS):
            if outcome.error:
                raise RuntimeError(outcome.error)
            if outcome.of_indexer:
                indexing = outcome.seconds
            else:
                count += 1
        seconds, share = time.perf_counter() - started, watch.other_share()
    config = {
        "dataset": ":".join(data[0]),
        "workers": _WORKERS,
        "runs": count,
        "indexer_seconds": round(indexing, 1),
    }
    measured = Measured([seconds / count], share)
    yield task.record("seconds", measured, what="a run", **config)
    if not task.data_dir:
        return
    rows = {pair: len(load(*pair)[0].train) for pair in data}
    runs = sum(
        len(block.methods) * len(block.seeds) * rows[block.dataset, block.protocol]
        for block in suites.SUITES["table1"](data, range(5))
    )
    hours = seconds / (count * rows[data[0]]) * runs / 3600
    yield task.record("table1_hours", Measured([hours], share), **config)


def fit(task: Task) -> Iterator[Record]:
    """Seconds to fit the indexer of seven codes of `moc` and to encode all items."""
    yield _one_by_one(task, "dcn_v2", Method("moc", 7), of_indexer=True)


def train(task: Task) -> Iterator[Record]:
    """Seconds of a run with seven codes that are there, once the model is traced.

    They are random codes, which take no time to fit, and as long to train with.
    """
    yield _one_by_one(task, task.case.options["model"], Method("random", 7))


def _one_by_one(
    task: Task, model: str, method: Method, of_indexer: bool = False
) -> Record:
    """Seconds between the ends of runs, or of their indexers, that one process makes.

    So the first of them, which comes after the data, does not count.
    """
    data = _data(task)[:1]
    seeds = range(task.scale.effort.repeats + 1)
    blocks = [
        suites.with_methods(block, (method,))
        for block in suites.SUITES["table1"](data, seeds)
        if block.ranker.model == model
    ]
    with tempfile.TemporaryDirectory() as folder:
        suite = Suite("benchmark", blocks, Loader(task.data_dir), folder)
        ends: list[float] = []
        watch = CpuWatch()
        for outcome in suite.run():
            if outcome.error:
                raise RuntimeError(outcome.error)
            if outcome.of_indexer == of_indexer:
                ends.append(outcome.seconds)
            if len(ends) == len(seeds):
                break
        share = watch.other_share()
    lengths = [end - start for start, end in itertools.pairwise(ends)]
    what = "an indexer" if of_indexer else "a run"
    named = {"what": what, "dataset": ":".join(data[0]), "workers": 1}
    return task.record("seconds", Measured(lengths, share), **named)


def _data(task: Task) -> suites.Data:
    return suites.DATA if task.data_dir else suites.PLANTED
