"""How long a run of a comparison takes: a ranker, one method, one seed."""

import itertools
import tempfile
from collections.abc import Iterator

from experiments import settings
from experiments.benchmarks.cases import Task
from experiments.benchmarks.measuring import CpuWatch, Measured
from experiments.benchmarks.records import Record
from experiments.datasets import load_dataset
from moc_tf.training import Comparison, methods_named


def measure(task: Task) -> Iterator[Record]:
    """Seconds of each run of a small comparison, its evaluation included.

    On Beauty if there is a folder of its files, else on the planted benchmark. The
    first run of a method also fits the indexer and traces the model, later seeds fit
    theirs alone; so the mean of all is what a table of many seeds takes a run.
    """
    seeds = task.scale.effort.repeats
    if task.data_dir:
        name, setting = "amazon/beauty", settings.AMAZON
        dataset = load_dataset(name, data_dir=task.data_dir)
    else:
        name, setting = "planted", settings.PLANTED
        dataset = load_dataset(name)
    methods = methods_named(["none", "moc"], [7])
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(
            "benchmark",
            dataset.ranking,
            dataset.vectors,
            methods,
            range(seeds),
            setting.ranker,
            setting.indexer,
            folder,
        )
        watch, ends = CpuWatch(), [0.0]
        results = []
        for progress in comparison.run():
            ends.append(progress.seconds)
            results.append(progress.result["method"])
        share = watch.other_share()
    lengths = [after - before for before, after in itertools.pairwise(ends)]
    for method in ("none", "moc"):
        taken = [s for s, of in zip(lengths, results, strict=True) if of == method]
        yield task.record(
            "seconds",
            Measured(taken, share),
            dataset=name,
            what=f"a run of {method}",
            model=setting.ranker.model,
            mean_seconds=round(sum(taken) / len(taken), 2),
        )
