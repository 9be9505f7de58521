"""How long does a served request take, from raw ids to probabilities?"""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf.code_table import CodeTable
from moc_tf.data import CategoricalFeature, Schema, ServingData, Vocabulary
from moc_tf.indexing import Indexer, make_indexer
from moc_tf.ranking import make_ranker
from moc_tf.training import export_ranker

_CALLS = 40_000  # rows of a measurement, but at least and at most so many calls:
_LEAST, _MOST, _REPEATS = 50, 1_000, 3
_VECTOR_DIM, _CODEBOOK_SIZE = 768, 256
_BRANDS, _CATEGORIES = 2_000, 500


def measure_latency(
    models: Sequence[str],
    num_users: int,
    num_items: int,
    num_codes: int,
    batch_sizes: Sequence[int],
) -> None:
    """Prints p50 and p99 of requests to the SavedModels of rankers, in milliseconds.

    A figure is the median of three runs, each of up to a thousand requests one after
    the other, Python's part of a call included. The rankers are not trained, which
    costs the same.

    Args:
      models: names of rankers.
      num_users: of the vocabulary.
      num_items: of the catalogue.
      num_codes: of an item, each of 256.
      batch_sizes: rows of a request.
    """
    random = np.random.default_rng(0)
    data = _serving_data(num_users, num_items, random)
    codes = random.integers(_CODEBOOK_SIZE, size=(num_items, num_codes))
    table = CodeTable(data.item_ids, codes, _CODEBOOK_SIZE)
    features = [CategoricalFeature(n, v.size) for n, v in data.vocabularies.items()]
    schema = Schema(tuple(features)).with_codes(table)
    indexer = _indexer(num_codes, random)
    print(
        f"{num_users:,} users, {num_items:,} items of {num_codes} codes, encoder of "
        f"{_VECTOR_DIM} dimensions; milliseconds a request"
    )
    print(f"{'model':<10}{'request':<26}{'batch':>7}{'p50':>9}{'p99':>9}")
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            ranker = make_ranker(model, schema)
            ranker.build()
            path = export_ranker(ranker, data, folder, table, indexer).path
            signatures = tf.saved_model.load(str(path)).signatures
            for batch_size in batch_sizes:
                requests = _requests(data, batch_size, random)
                for name, (signature, columns) in requests.items():
                    serve = signatures[signature]
                    p50, p99 = _latency(lambda: serve(**columns), batch_size)  # noqa: B023
                    print(
                        f"{model:<10}{name:<26}{batch_size:>7,}{p50:>9.3f}{p99:>9.3f}",
                        flush=True,
                    )


def _latency(request: Callable[[], Any], batch_size: int) -> tuple[float, float]:
    """Median and 99th percentile in milliseconds, each the median of three runs."""
    calls = min(max(_CALLS // batch_size, _LEAST), _MOST)
    for _ in range(10):
        request()
    runs = []
    for _ in range(_REPEATS):
        seconds = []
        for _ in range(calls):
            started = time.perf_counter()
            request()
            seconds.append(time.perf_counter() - started)
        runs.append(1e3 * np.quantile(seconds, [0.5, 0.99]))
    p50, p99 = zip(*runs, strict=True)
    return statistics.median(p50), statistics.median(p99)


def _requests(
    data: ServingData, batch_size: int, random: np.random.Generator
) -> dict[str, tuple[str, Mapping[str, tf.Tensor]]]:
    """Name -> signature and inputs."""
    users = random.choice(data.vocabularies["user"].values, batch_size)
    items = random.choice(data.item_ids, batch_size)
    vectors = random.standard_normal((batch_size, _VECTOR_DIM)).astype(np.float32)
    one_new = items.astype(object)
    one_new[0] = "new"
    ids = {"user": tf.constant(users), "item": tf.constant(items)}
    with_vectors = {**ids, "item_vector": tf.constant(vectors)}
    name = "with_item_vectors"
    return {
        "ids": ("serving_default", ids),
        "vectors, no new item": (name, with_vectors),
        "vectors, one new item": (
            name,
            {**with_vectors, "item": tf.constant(one_new.tolist())},
        ),
    }


def _serving_data(
    num_users: int, num_items: int, random: np.random.Generator
) -> ServingData:
    sizes = {"user": num_users, "item": num_items}
    sizes |= {"brand": _BRANDS, "category": _CATEGORIES}
    item_ids = np.array([f"item-{i:09d}" for i in range(num_items)])
    vocabularies = {
        name: Vocabulary(np.array([f"{name}-{i:09d}" for i in range(size)]))
        for name, size in sizes.items()
    }
    features = {"item": vocabularies["item"].ids(item_ids)} | {
        name: random.integers(sizes[name] + 1, size=num_items, dtype=np.int32)
        for name in ("brand", "category")
    }
    return ServingData(vocabularies, item_ids, features)


def _indexer(num_codes: int, random: np.random.Generator) -> Indexer:
    """One of the default shape; how good its codes are does not matter."""
    vectors = random.standard_normal((4 * _CODEBOOK_SIZE, _VECTOR_DIM))
    indexer = make_indexer("moc", num_codebooks=num_codes, epochs=1)
    return indexer.fit(vectors.astype(np.float32))
