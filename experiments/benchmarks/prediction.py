"""How fast a ranker predicts, from features to logits."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from experiments.benchmarks.cases import Task
from experiments.benchmarks.measuring import latencies, rates
from experiments.benchmarks.rankers import make_model
from experiments.benchmarks.records import Record
from experiments.benchmarks.synthetic_data import click_log

_BATCHES = 32  # that are gone through in turn


def measure_model(task: Task) -> Iterator[Record]:
    """Rows a second of large batches, and milliseconds of small ones.

    The model is called as a `tf.function`. Large batches are tensors that lie ready;
    the time of a small one begins with its rows in NumPy arrays and ends with its
    logits in another.
    """
    shape, effort = task.scale.ranker, task.scale.effort
    name = task.case.options["model"]
    model = make_model(name, shape, shape.users, "none")
    model.build()
    columns = click_log(shape, shape.users).columns()
    del columns["label"]
    predict = tf.function(lambda features: model(features, training=False))
    size = shape.batch_size
    count = min(_BATCHES, len(columns["user"]) // size)
    held = {key: v[: count * size] for key, v in columns.items()}
    ready = [
        {key: tf.constant(v[i * size : (i + 1) * size]) for key, v in held.items()}
        for i in range(count)
    ]
    place = 0

    def predict_large() -> None:
        nonlocal place
        predict(ready[place]).numpy()
        place = (place + 1) % count

    measured = rates(predict_large, size, effort)
    config = {"users": shape.users, "batch": size}
    yield task.record("examples_per_s", measured, **config)
    for rows in shape.request_sizes:
        signature = {
            key: tf.TensorSpec([rows, *v.shape[1:]], v.dtype) for key, v in held.items()
        }
        request = predict.get_concrete_function(signature)
        start = 0

        def predict_small() -> np.ndarray:
            nonlocal start
            part = slice(start, start + rows)  # noqa: B023
            start = (start + rows) % (count * size - rows)  # noqa: B023
            features = {key: tf.constant(v[part]) for key, v in held.items()}
            return request(features).numpy()  # noqa: B023

        for metric, found in zip(
            ("p50_ms", "p99_ms"), latencies(predict_small, effort), strict=True
        ):
            config = {"users": shape.users, "batch": rows}
            yield task.record(metric, found, **config)
