"""Vectors with hidden factors, and one indexer that has been fitted to them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from moc_tf._keras import keras
from moc_tf.indexing import Indexer, make_indexer

_OPTIONS: dict[str, Any] = {
    "num_codebooks": 3,
    "codebook_size": 8,
    "codebook_dim": 4,
    "hidden_units": (32,),
    "epochs": 20,
    "batch_size": 64,
    "learning_rate": 1e-2,
}


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A fitted indexer and the logs that its callbacks saw, one entry an epoch."""

    indexer: Indexer
    logs: list[dict[str, float]]


def _fit(vectors: Any, method: str = "moc", **options: Any) -> Fitted:
    indexer = make_indexer(method, **{**_OPTIONS, **options})
    logs: list[dict[str, float]] = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, entries: logs.append(dict(entries))
    )
    indexer.fit(vectors, callbacks=[watch])
    return Fitted(indexer, logs)


@pytest.fixture(scope="session")
def vectors() -> np.ndarray:
    """300 sums of the directions of three factors; exact in float16."""
    random = np.random.default_rng(0)
    directions = random.standard_normal((3, 4, 16))
    values = random.integers(4, size=(300, 3))
    signal = directions[np.arange(3), values].sum(axis=1)
    noisy = signal + 0.1 * random.standard_normal(signal.shape)
    return noisy.astype(np.float16).astype(np.float32)


@pytest.fixture(scope="session")
def fit() -> Callable[..., Fitted]:
    """Fits a small indexer: fit(vectors, method="moc", **options)."""
    return _fit


@pytest.fixture(scope="session")
def fitted(vectors: np.ndarray) -> Fitted:
    return _fit(vectors)


@pytest.fixture(scope="module")
def indexer(fitted):
    return fitted.indexer


@pytest.fixture(scope="module")
def codes(indexer, vectors):
    return indexer.encode(vectors)


@pytest.fixture(scope="module")
def wide(fit):
    """An indexer of vectors so wide that matrix kernels differ between batch sizes."""
    vectors = np.random.default_rng(0).normal(size=(100, 768)).astype(np.float32)
    return fit(vectors, epochs=1, hidden_units=(256, 128)).indexer


@pytest.fixture(scope="module")
def on_the_border(wide):
    """Vectors [100, 768] as close as float32 gets to where one of their codes changes.

    The last bit of a latent decides these codes.
    """
    random = np.random.default_rng(1)
    left, right = random.normal(size=(2, 50, 768)).astype(np.float32)
    start = wide.encode(left)
    for _ in range(40):
        middle = (left + right) / 2
        same = (wide.encode(middle) == start).all(axis=1, keepdims=True)
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    return np.concatenate([left, right])
