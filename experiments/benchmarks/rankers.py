"""How fast rankers train: on batches that lie ready, and from files."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from experiments.benchmarks.cases import Task
from experiments.benchmarks.epoch_rates import EpochRates
from experiments.benchmarks.measuring import CpuWatch, Measured, rates, seconds
from experiments.benchmarks.records import Record
from experiments.benchmarks.shapes import Effort, RankerShape
from experiments.benchmarks.synthetic_data import ClickLog, click_log
from moc_tf.data import CategoricalFeature, CodeFeature, Schema, make_batches
from moc_tf.ranking import Ranker, interactions, make_optimizer, make_ranker
from moc_tf.training import RankerConfig

_STEPS = 64  # of an epoch on ready batches
_LAYERS = {"dcn_v2": "num_cross_layers", "autoint_plus": "num_attention_layers"}


def make_model(name: str, shape: RankerShape, users: int, fusion: str) -> Ranker:
    """The ranker of the workloads, its weights not made yet."""
    options = {_LAYERS[name]: shape.num_layers} if name in _LAYERS else {}
    schema = Schema(
        (
            CategoricalFeature("user", users),
            CategoricalFeature("item", shape.items),
            CategoricalFeature("brand", shape.brands),
            CategoricalFeature("category", shape.categories),
            CodeFeature("codes", shape.num_codes, shape.codebook_size),
        )
    )
    return make_ranker(
        interactions.get(name, hidden_units=shape.hidden_units, **options),
        schema,
        fusion=fusion,
        embedding_dim=shape.embedding_dim,
    )


def compiled_model(
    name: str,
    shape: RankerShape,
    users: int,
    fusion: str = "none",
    optimizer: str = "lazy_adam",
) -> Ranker:
    """The same, ready to be trained."""
    model = make_model(name, shape, users, fusion)
    model.compile(
        optimizer=make_optimizer(optimizer, 1e-3),
        steps_per_execution=RankerConfig().steps_per_execution,
    )
    return model


def training_rate(
    model: Ranker, log: ClickLog, batch_size: int, max_steps: int, effort: Effort
) -> Measured:
    """Rows a second of `model.fit` on batches in memory.

    Args:
      model: compiled.
      log: what it is trained on.
      batch_size: rows of a step.
      max_steps: of an epoch.
      effort: how long it is measured.
    """
    ready = _ready_batches(log, batch_size)
    steps = min(max_steps, int(ready.cardinality()))
    counted = EpochRates(steps * batch_size, effort)
    model.fit(
        ready.repeat(),
        steps_per_epoch=steps,
        epochs=1_000_000,  # `counted` ends the training
        verbose=0,
        callbacks=[counted],
    )
    return counted.measured


def train(task: Task) -> Iterator[Record]:
    """Rows a second of `model.fit` on batches in memory."""
    shape, users, effort = task.scale.ranker, _users(task), task.scale.effort
    log = click_log(shape, users)
    measured = training_rate(
        _compiled(task, users), log, shape.batch_size, _STEPS, effort
    )
    yield _record(task, "examples_per_s", measured)


def train_from_files(task: Task) -> Iterator[Record]:
    """The same, where an epoch begins with files of columns and joins the items.

    Each repeat trains for an epoch on ready batches and for one from the files: they
    are read, shuffled, gathered and joined. `share_of_ready` compares the two.
    """
    shape, users = task.scale.ranker, _users(task)
    log = click_log(shape, users)
    ready = _ready_batches(log, shape.batch_size)
    rows = int(ready.cardinality()) * shape.batch_size
    model = _compiled(task, users)
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "log.npz", **log.log())
        np.savez(Path(folder) / "catalogue.npz", **log.catalogue())

        def from_files() -> None:
            with np.load(Path(folder) / "log.npz") as file:
                columns = dict(file)
            with np.load(Path(folder) / "catalogue.npz") as file:
                catalogue = dict(file)
            model.fit(_joined_batches(columns, catalogue, shape.batch_size), verbose=0)

        def from_memory() -> None:
            model.fit(ready, verbose=0)

        from_memory()  # the graph is traced
        watch, pairs = CpuWatch(), []
        for _ in range(task.scale.effort.repeats):
            pairs.append((_rate(from_memory, rows), _rate(from_files, rows)))
    share = watch.other_share()
    of_files = Measured([files for _, files in pairs], share)
    yield _record(task, "examples_per_s", of_files)
    ratios = Measured([files / memory for memory, files in pairs], share)
    yield _record(task, "share_of_ready", ratios)


def load(task: Task) -> Iterator[Record]:
    """Rows a second of `make_batches` by itself: shuffled, gathered and joined.

    And what a training waits for before its first step: seconds to make the pipeline,
    and then to the first batch of a pass.
    """
    shape, effort = task.scale.ranker, task.scale.effort
    log = click_log(shape, _users(task))
    columns, catalogue = log.log(), log.catalogue()

    def make() -> tf.data.Dataset:
        return _joined_batches(columns, catalogue, shape.batch_size)

    batches = make()

    def consume() -> None:
        for _ in batches:
            pass

    rows = int(batches.cardinality()) * shape.batch_size
    yield _record(task, "examples_per_s", rates(consume, rows, effort))
    for what, start in (
        ("the pipeline", make),
        ("the first batch", lambda: next(iter(batches))),
    ):
        measured = seconds(start, effort.repeats)
        yield _record(task, "seconds", measured, what=what)


def _users(task: Task) -> int:
    return task.scale.ranker.user_counts[task.case.options["vocabulary"]]


def _compiled(task: Task, users: int) -> Ranker:
    options = task.case.options
    return compiled_model(
        options["model"],
        task.scale.ranker,
        users,
        options["fusion"],
        options["optimizer"],
    )


def _ready_batches(log: ClickLog, batch_size: int) -> tf.data.Dataset:
    """Batches of a log that lie in memory."""
    ready = make_batches(log.columns(), batch_size, drop_remainder=True).cache()
    for _ in ready:  # into the cache
        pass
    return ready


def _joined_batches(
    columns: dict[str, np.ndarray], catalogue: dict[str, np.ndarray], batch_size: int
) -> tf.data.Dataset:
    return make_batches(
        columns, batch_size, 0, catalogue, "item_row", drop_remainder=True
    )


def _rate(epoch: Callable[[], None], rows: int) -> float:
    started = time.perf_counter()
    epoch()
    return rows / (time.perf_counter() - started)


def _record(task: Task, metric: str, measured: Measured, **more: str) -> Record:
    return task.record(
        metric,
        measured,
        **more,
        users=_users(task),
        batch=task.scale.ranker.batch_size,
        steps_per_execution=RankerConfig().steps_per_execution,
    )
