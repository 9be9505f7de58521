"""How long a served request takes, from raw ids to probabilities."""

import tempfile
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

from experiments.benchmarks.cases import Task
from experiments.benchmarks.measuring import latencies, rates
from experiments.benchmarks.rankers import make_model
from experiments.benchmarks.records import Record
from experiments.benchmarks.shapes import RankerShape, Scale
from moc_tf.code_table import CodeTable
from moc_tf.data import CategoricalFeature, CodeFeature, ServingData, Vocabulary
from moc_tf.indexing import Indexer, make_indexer
from moc_tf.training import export_ranker

_REQUESTS = 16  # that are made in turn


def measure_export(task: Task) -> Iterator[Record]:
    """Milliseconds of requests to the SavedModel, and rows a second of large ones.

    A request has ids, or ids and item vectors, of which none or one is of an item that
    the catalogue lacks. The part of Python and of TensorFlow counts, a server is not
    there. The ranker is not trained, which costs the same.
    """
    shape, effort = task.scale.ranker, task.scale.effort
    random = np.random.default_rng(0)
    model = make_model(task.case.options["model"], shape, shape.users, "none")
    model.build()
    data = _serving_data(model.schema.categorical, shape.items, random)
    codes = model.schema.codes
    assert isinstance(codes, CodeFeature)
    table = CodeTable(
        data.item_ids,
        random.integers(codes.codebook_size, size=(shape.items, codes.num_codebooks)),
        codes.codebook_size,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = export_ranker(
            model, data, folder, table, _indexer(task.scale, random)
        ).path
        signatures = tf.saved_model.load(str(path)).signatures
    for rows in (*shape.request_sizes, shape.batch_size):
        requests = _requests(data, rows, task.scale.tokenizer.dim, random)
        for name, (signature, columns) in requests.items():
            serve, place = signatures[signature], 0

            def request() -> np.ndarray:
                nonlocal place
                place = (place + 1) % len(columns)  # noqa: B023
                return serve(**columns[place])["probability"].numpy()  # noqa: B023

            config = {"users": shape.users, "batch": rows, "request": name}
            if rows == shape.batch_size:
                measured = rates(request, rows, effort)
                yield task.record("examples_per_s", measured, **config)
            for metric, found in zip(
                ("p50_ms", "p99_ms"), latencies(request, effort), strict=True
            ):
                yield task.record(metric, found, **config)


def _requests(
    data: ServingData, rows: int, vector_dim: int, random: np.random.Generator
) -> dict[str, tuple[str, list[Mapping[str, tf.Tensor]]]]:
    """Name -> signature and inputs of each request."""
    with_vectors = "with_item_vectors"
    requests: dict[str, tuple[str, list[Mapping[str, tf.Tensor]]]] = {
        "ids": ("serving_default", []),
        "vectors, no new item": (with_vectors, []),
        "vectors, one new item": (with_vectors, []),
    }
    for _ in range(_REQUESTS):
        users = tf.constant(random.choice(data.vocabularies["user"].values, rows))
        items = random.choice(data.item_ids, rows).tolist()
        vectors = random.standard_normal((rows, vector_dim), dtype=np.float32)
        ids = {"user": users, "item": tf.constant(items)}
        one_new = tf.constant(["new", *items[1:]])
        given = {**ids, "item_vector": tf.constant(vectors)}
        requests["ids"][1].append(ids)
        requests["vectors, no new item"][1].append(given)
        requests["vectors, one new item"][1].append({**given, "item": one_new})
    return requests


def _serving_data(
    features: tuple[CategoricalFeature, ...],
    num_items: int,
    random: np.random.Generator,
) -> ServingData:
    """Raw ids for each feature's vocabulary, and each item's values at random."""
    # A vocabulary has one id more than values, that of unseen ones.
    values = {
        feature.name: np.array(
            [f"{feature.name}-{i:09d}" for i in range(feature.vocabulary_size - 1)]
        )
        for feature in features
    }
    vocabularies = {name: Vocabulary(names) for name, names in values.items()}
    item_ids = np.array([f"item-{i:09d}" for i in range(num_items)])
    columns = {"item": vocabularies["item"].ids(item_ids)} | {
        name: random.integers(vocabulary.size, size=num_items, dtype=np.int32)
        for name, vocabulary in vocabularies.items()
        if name not in ("user", "item")
    }
    return ServingData(vocabularies, item_ids, columns)


def _indexer(scale: Scale, random: np.random.Generator) -> Indexer:
    """One of the default shape; how good its codes are does not matter."""
    shape, ranker = scale.tokenizer, scale.ranker
    is_full = ranker == RankerShape()
    rows = 4 * ranker.codebook_size
    vectors = random.standard_normal((rows, shape.dim), dtype=np.float32)
    return make_indexer(
        "moc",
        num_codebooks=ranker.num_codes,
        codebook_size=ranker.codebook_size,
        epochs=1,
        **({} if is_full else {"hidden_units": shape.hidden_units, "batch_size": 32}),
    ).fit(vectors)
