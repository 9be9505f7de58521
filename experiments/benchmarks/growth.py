"""How cost grows with what is made larger, one size at a time."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from experiments.benchmarks.cases import Task
from experiments.benchmarks.epoch_rates import EpochClock, EpochRates
from experiments.benchmarks.measuring import CpuWatch, Measured, rates
from experiments.benchmarks.rankers import compiled_model, training_rate
from experiments.benchmarks.records import Record
from experiments.benchmarks.shapes import (
    FIELDS_BESIDE_CODES,
    Effort,
    RankerShape,
    TokenizerShape,
)
from experiments.benchmarks.synthetic_data import click_log, item_vectors
from moc_tf.indexing import Indexer, make_indexer

_FOREVER = 1_000_000  # epochs: `EpochRates` ends the training
_SECONDS = 1.0  # of a repeat, at most
_STEPS = 16  # of an epoch of a ranker
_VECTORS = 16_384  # of which an epoch of the autoencoder is measured
# At full size; the smallest alone at another.
SIZES = {
    "items": (12_288, 49_152, 196_608, 1_048_576),
    "codes": (1, 2, 4, 8, 16, 32),
    "codebook_size": (256, 1_024, 8_192),
    "dim": (384, 768, 1_536, 4_096),
    "vocabulary": (100_000, 1_000_000, 4_000_000),
    "fields": (5, 7, 11, 18, 35),
    "batch": (256, 1_024, 4_096, 16_384),
}


def measure_items(task: Task) -> Iterator[Record]:
    """Seconds of an epoch of `indexer.fit`, and of encoding all, by number of items."""
    shape = task.scale.tokenizer
    sizes = _sizes(task, "items", shape.num_vectors)
    whole = item_vectors(dataclasses.replace(shape, num_vectors=max(sizes)))
    for size in sizes:
        vectors = whole[:size]
        clock, watch = EpochClock(), CpuWatch()
        indexer = _indexer(shape, epochs=1 + task.scale.effort.repeats)
        indexer.fit(vectors, callbacks=[clock])
        epochs = Measured(clock.lengths(), watch.other_share())
        yield _record(task, "seconds", epochs, size, "an epoch of fit")
        encoding = _seconds(lambda: indexer.encode(vectors), task.scale.effort)  # noqa: B023
        yield _record(task, "seconds", encoding, size, "encode")


def measure_codes(task: Task) -> Iterator[Record]:
    """Microseconds a vector, by number of codes."""
    for size in _sizes(task, "codes", task.scale.tokenizer.num_codebooks):
        shape = dataclasses.replace(task.scale.tokenizer, num_codebooks=size)
        yield from _tokenizer(task, shape, size)


def measure_codebook_size(task: Task) -> Iterator[Record]:
    """Microseconds a vector, by number of codes in a codebook."""
    for size in _sizes(task, "codebook_size", task.scale.tokenizer.codebook_size):
        shape = dataclasses.replace(task.scale.tokenizer, codebook_size=size)
        yield from _tokenizer(task, shape, size)


def measure_dim(task: Task) -> Iterator[Record]:
    """Microseconds a vector, by its dimensions."""
    for size in _sizes(task, "dim", task.scale.tokenizer.dim):
        shape = dataclasses.replace(task.scale.tokenizer, dim=size)
        yield from _tokenizer(task, shape, size)


def measure_vocabulary(task: Task) -> Iterator[Record]:
    """Microseconds a row of a ranker's training, by number of users."""
    for size in _sizes(task, "vocabulary", task.scale.ranker.users):
        yield _ranker(task, dataclasses.replace(task.scale.ranker, users=size), size)


def measure_fields(task: Task) -> Iterator[Record]:
    """Microseconds a row of a ranker's training, by number of fields, codes too."""
    of_scale = FIELDS_BESIDE_CODES + task.scale.ranker.num_codes
    for size in _sizes(task, "fields", of_scale):
        num_codes = size - FIELDS_BESIDE_CODES
        shape = dataclasses.replace(task.scale.ranker, num_codes=num_codes)
        yield _ranker(task, shape, size)


def measure_batch(task: Task) -> Iterator[Record]:
    """Microseconds a row of a ranker's training, by rows of a batch."""
    for size in _sizes(task, "batch", task.scale.ranker.batch_size):
        shape = dataclasses.replace(task.scale.ranker, batch_size=size)
        yield _ranker(task, shape, size)


def _sizes(task: Task, axis: str, of_scale: int) -> Sequence[int]:
    is_full = task.scale.tokenizer == TokenizerShape()
    return SIZES[axis] if is_full else (of_scale,)


def _tokenizer(task: Task, shape: TokenizerShape, size: int) -> Iterator[Record]:
    effort = _short(task.scale.effort)
    count = max(min(shape.num_vectors, _VECTORS), shape.codebook_size)
    vectors = item_vectors(dataclasses.replace(shape, num_vectors=count))
    counted = EpochRates(count, effort)
    indexer = _indexer(shape, epochs=_FOREVER, dead_codes="keep")
    indexer.fit(vectors, callbacks=[counted])
    yield _record(task, "us", _inverse(counted.measured), size, "a vector of fit")
    encoding = rates(lambda: indexer.encode(vectors), count, effort)
    yield _record(task, "us", _inverse(encoding), size, "a vector of encode")


def _ranker(task: Task, shape: RankerShape, size: int) -> Record:
    model = compiled_model("dcn_v2", shape, shape.users)
    log = click_log(shape, shape.users)
    effort = _short(task.scale.effort)
    measured = training_rate(model, log, shape.batch_size, _STEPS, effort)
    return _record(task, "us", _inverse(measured), size, "a row of dcn_v2")


def _indexer(shape: TokenizerShape, **options: Any) -> Indexer:
    return make_indexer(
        "moc",
        num_codebooks=shape.num_codebooks,
        codebook_size=shape.codebook_size,
        **options,
    )


def _short(effort: Effort) -> Effort:
    return dataclasses.replace(effort, min_seconds=min(effort.min_seconds, _SECONDS))


def _seconds(call: Callable[[], Any], effort: Effort) -> Measured:
    per_second = rates(call, 1, dataclasses.replace(_short(effort), warmup_calls=1))
    return Measured([1 / rate for rate in per_second.values], per_second.other_cpu)


def _inverse(per_second: Measured) -> Measured:
    return Measured([1e6 / rate for rate in per_second.values], per_second.other_cpu)


def _record(
    task: Task, metric: str, measured: Measured, size: int, what: str
) -> Record:
    return task.record(metric, measured, size=size, what=what)
