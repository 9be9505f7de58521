"""Does a training step cost what the vocabulary costs, or what the batch does?"""

import statistics
import time
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from moc_tf.data import CategoricalFeature, Schema
from moc_tf.ranking import make_optimizer, make_ranker

_STEPS, _REPEATS = 10, 5


def measure_steps(
    vocabulary_sizes: Sequence[int], optimizers: Sequence[str], batch_size: int
) -> None:
    """Prints milliseconds a step, for each optimizer a line and each size a column.

    A figure is the median of five runs of ten steps, which follow two to warm up.

    Args:
      vocabulary_sizes: ids of the one large feature.
      optimizers: names that `make_optimizer` knows.
      batch_size: rows of a step.
    """
    print(f"Milliseconds a step of DeepFM, batches of {batch_size}, by users")
    print(f"{'optimizer':<12}" + "".join(f"{n:>12,}" for n in vocabulary_sizes))
    for name in optimizers:
        figures = [_step_ms(size, name, batch_size) for size in vocabulary_sizes]
        print(f"{name:<12}" + "".join(f"{ms:>12.1f}" for ms in figures), flush=True)


def _step_ms(vocabulary_size: int, optimizer: str, batch_size: int) -> float:
    random = np.random.default_rng(0)
    num_items = 10_000
    users = CategoricalFeature("user", vocabulary_size)
    items = CategoricalFeature("item", num_items)
    model = make_ranker("deepfm", Schema((users, items)))
    model.compile(make_optimizer(optimizer, 1e-3))
    model.build()

    @tf.function
    def step(batch: dict[str, tf.Tensor]) -> tf.Tensor:
        return model.train_step(batch)["loss"]

    batches = [
        {
            "user": tf.constant(random.integers(vocabulary_size, size=batch_size)),
            "item": tf.constant(random.integers(num_items, size=batch_size)),
            "label": tf.constant(random.integers(2, size=batch_size), tf.float32),
        }
        for _ in range(_STEPS)
    ]
    for batch in batches[:2]:
        step(batch)
    seconds = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        for batch in batches:
            loss = step(batch)
        loss.numpy()
        seconds.append((time.perf_counter() - started) / _STEPS)
    return 1000 * statistics.median(seconds)
