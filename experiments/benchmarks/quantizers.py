"""How well seven codes stand for a vector, and what that costs, method by method."""

import math
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from experiments.benchmarks.cases import Task
from experiments.benchmarks.epoch_rates import EpochClock
from experiments.benchmarks.measuring import CpuWatch, Measured, rates
from experiments.benchmarks.records import Record
from experiments.benchmarks.synthetic_data import item_vectors
from experiments.settings import INDEXERS
from moc_tf.indexing import Indexer, make_indexer

# With these faiss' own OPQ is measured.
_OPQ = {"rotation_iterations": 10, "rotation_items": 16_384}
_SAFETY = 0.97  # of the time that is left: epochs are not all of equal length


def measure(task: Task) -> Iterator[Record]:
    """Seconds of a fit, the relative error after it, and vectors encoded a second.

    A method that learns in epochs is given as many as the seconds of `rq_kmeans` in
    the same run allow, its start included. Everything is of the vectors it was
    fitted on.
    """
    shape, effort = task.scale.tokenizer, task.scale.effort
    vectors = item_vectors(shape)
    name = task.case.options["quantizer"]
    method, options = INDEXERS.get(name, (name, {}))
    options = {
        **options,
        "num_codebooks": shape.num_codebooks,
        "codebook_size": shape.codebook_size,
    }
    if method == "opq":
        options |= _OPQ
    if method == "moc":
        budget = _budget(task)
        indexer, seconds, epochs, share = _fit_within(budget, vectors, method, options)
        config: dict[str, Any] = {"epochs": epochs, "budget_seconds": budget}
    else:
        watch, started = CpuWatch(), time.perf_counter()
        indexer = make_indexer(method, **options).fit(vectors)
        seconds, config = time.perf_counter() - started, {}
        share = watch.other_share()
    yield task.record("train_seconds", Measured([seconds], share), **config)
    quality = indexer.quality(vectors)
    config["perplexity"] = round(float(np.mean(quality.perplexity)), 1)
    assert quality.relative_error is not None
    error = Measured([quality.relative_error], share)
    yield task.record("relative_mse", error, **config)
    measured = rates(lambda: indexer.encode(vectors), len(vectors), effort)
    yield task.record("vectors_per_s", measured)


def _budget(task: Task) -> float:
    """Seconds that `rq_kmeans` took, or the least that the effort wants."""
    for record in task.earlier:
        is_fit = record.metric == "train_seconds"
        if is_fit and record.config.get("quantizer") == "rq_kmeans":
            return max(record.value, task.scale.effort.min_fit_seconds)
    raise ValueError(
        "moc is given the seconds of rq_kmeans, which must be measured before it in "
        f"the same run. Received: {[r.config.get('case') for r in task.earlier]}. "
        "Measure the whole workload quantizer_quality."
    )


def _fit_within(
    budget: float, vectors: np.ndarray, method: str, options: dict[str, Any]
) -> tuple[Indexer, float, int, float | None]:
    """The longest fit of at most `budget` seconds: indexer, seconds, epochs, CPU share.

    A short fit tells what an epoch takes. A fit that was too long is done again with
    fewer epochs.
    """
    epochs, longest = 3, math.inf
    while True:
        indexer = make_indexer(method, epochs=epochs, **options)
        clock, watch, started = EpochClock(), CpuWatch(), time.perf_counter()
        indexer.fit(vectors, callbacks=[clock])
        seconds, share = time.perf_counter() - started, watch.other_share()
        epoch = statistics.fmean(clock.lengths())
        if seconds > budget:
            longest = epochs - 1
        affordable = epochs + math.floor(_SAFETY * (budget - seconds) / epoch)
        affordable = min(affordable, longest)
        if seconds <= budget and affordable <= 1.1 * epochs:
            return indexer, seconds, epochs, share
        if affordable < 2:  # fewer tell nothing of an epoch's length
            raise ValueError(
                f"Method {method!r} cannot be fitted in the time of rq_kmeans, "
                f"{budget:.1f} s. Received: {seconds:.1f} s for {epochs} epochs."
            )
        epochs = int(affordable)
