"""What the machine can do: matrix products, and the rates that they allow."""

import dataclasses
from collections.abc import Iterator

import tensorflow as tf

from experiments.benchmarks import tokenizer
from experiments.benchmarks.cases import Task
from experiments.benchmarks.measuring import Measured, rates
from experiments.benchmarks.records import FLOOR, Record

_SQUARE = (4096, 4096, 4096)
_SECONDS = 1.0  # of a repeat: a product takes but a part of it


def measure(task: Task) -> Iterator[Record]:
    """Rates of a large square product and of the tokenizer's largest layer.

    The floor under a workload is that of the square product, in the precision of the
    workload, over the operations of an example; see `shapes`.
    """
    shape, effort = task.scale.tokenizer, task.scale.effort
    layer = (shape.train_batch, shape.dim, shape.hidden_units[0])
    # A tiny scale has no time for the large one.
    square = _SQUARE if effort.min_seconds > _SECONDS else (64, 64, 64)
    effort = dataclasses.replace(effort, min_seconds=min(effort.min_seconds, _SECONDS))
    for dtype in ("float32", "bfloat16"):
        for sizes in (square, layer):
            m, k, n = sizes
            left = tf.cast(tf.random.stateless_normal([m, k], [0, 0]), dtype)
            right = tf.cast(tf.random.stateless_normal([k, n], [0, 1]), dtype)
            gflops = 2e-9 * m * k * n
            product = tf.function(tf.matmul)
            measured = rates(lambda: product(left, right), gflops, effort)  # noqa: B023
            config = {"m": m, "k": k, "n": n, "dtype": dtype}
            yield task.record("gflop_per_s", measured, **config)
            if sizes == square:
                yield from _floors(task, measured, dtype)


def _floors(task: Task, ceiling: Measured, dtype: str) -> Iterator[Record]:
    for workload, metric, flops, config in _operations(task):
        if dtype != "float32" and "model" in config:
            continue  # rankers are measured in float32
        values = [1e9 * rate / flops for rate in ceiling.values]
        floor = task.record(
            metric,
            Measured(values, ceiling.other_cpu),
            dtype=dtype,
            flops_per_example=flops,
            **config,
        )
        yield dataclasses.replace(
            floor, peer=FLOOR, version=tf.__version__, workload=workload
        )


def _operations(task: Task) -> Iterator[tuple[str, str, int, dict[str, str]]]:
    """Workload, metric, operations of an example, and which form of it."""
    shape, ranker = task.scale.tokenizer, task.scale.ranker
    for form in tokenizer.FORMS:
        hidden, heads = tokenizer.widths(form, shape)
        which = {"form": form}
        train = shape.train_flops(hidden, heads)
        yield "tokenizer_train", "vectors_per_s", train, which
        encode = shape.encode_flops(hidden, heads)
        yield "tokenizer_encode", "vectors_per_s", encode, which
    for model in ("dcn_v2", "deepfm", "autoint_plus"):
        macs, which = ranker.forward_macs(model), {"model": model}
        yield "ranker_train", "examples_per_s", 6 * macs, which
        yield "ranker_predict", "examples_per_s", 2 * macs, which
