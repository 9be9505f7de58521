"""Examples of every layer and model, by which `test_every_layer` tests the contract.

What is known by name, interactions and fusions, is found by itself. Any other layer
needs an entry in `LAYERS`: how to make one, and what to call it with.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from moc_tf._keras import keras
from moc_tf.code_table import CodeTable
from moc_tf.data.schema import (
    CategoricalFeature,
    CodeFeature,
    MultiValuedFeature,
    NumericFeature,
    Schema,
)
from moc_tf.indexing import ParallelQuantizer, ResidualQuantizer
from moc_tf.indexing.parallel_dense import ParallelDense
from moc_tf.ranking import (
    CodeLookup,
    FieldEmbeddings,
    NGramCodeEmbedding,
    SchemaEmbeddings,
    SemanticIdEmbedding,
    fusion,
    interactions,
    make_ranker,
)
from moc_tf.ranking.bag_embedding import BagEmbedding
from moc_tf.ranking.compressed_interaction import CompressedInteraction
from moc_tf.ranking.field_attention import FieldAttention
from moc_tf.ranking.logit_mlp import LogitMLP
from moc_tf.ranking.numeric_embedding import NumericEmbedding
from moc_tf.ranking.tpu_embedding import TPUFieldEmbeddings
from moc_tf.ranking.vector_adaptor import VectorAdaptor

ROWS = 8
RANDOM = np.random.default_rng(0)
FIELDS, NUM_CODES, DIM = 5, 2, 4
SPREAD = "random_normal"  # without it, gradients near zero would not move a weight


def numbers(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=(ROWS, *shape)).astype(np.float32)


def ids(*ends: int, first: int = 0) -> np.ndarray:
    columns = [RANDOM.integers(first, end, ROWS) for end in ends]
    return np.stack(columns, axis=1).astype(np.int32)


@dataclasses.dataclass(frozen=True)
class Example:
    """A layer to test.

    Attributes:
      make: makes it, with other arguments than the default ones where it has some.
      inputs: what it is called with: `ROWS` rows.
      unmoved: name of a trainable weight that a step leaves as it is -> why.
    """

    make: Callable[[], keras.layers.Layer]
    inputs: Any
    unmoved: Mapping[str, str] = dataclasses.field(default_factory=dict)


SCHEMA = Schema(
    (
        CategoricalFeature("user", 9),
        CodeFeature("codes", NUM_CODES, 3),
        CategoricalFeature("brand", 4),
        NumericFeature("price", 0.5, 2.0),
        MultiValuedFeature("words", 6),
    ),
    label="click",
)
FEATURES = {
    "user": ids(9)[:, 0],
    "codes": ids(3, 3, first=-1),
    "brand": ids(4)[:, 0],
    "price": numbers(),
    "words": ids(6, 6, 6, first=-1),
    "click": RANDOM.integers(0, 2, ROWS).astype(np.float32),
}
TABLE = CodeTable(["a", "b", "c"], [[0, 3], [2, 1], [1, 1]], 4, {"method": "moc"})
QUANTIZER = {
    "distance": "cosine",
    "estimator": "rotation",
    "codebook_initializer": SPREAD,
}

LAYERS = {
    "BagEmbedding": Example(
        lambda: BagEmbedding(5, 4, SPREAD, "sum", embedding_l2=0.1),
        ids(5, 5, first=-1),
    ),
    "CodeLookup": Example(
        lambda: CodeLookup(TABLE), np.array([*"abcabc", "new", ""], object)
    ),
    "CompressedInteraction": Example(
        lambda: CompressedInteraction((3, 2)), numbers(FIELDS, DIM)
    ),
    "FieldAttention": Example(lambda: FieldAttention(6, 2), numbers(FIELDS, DIM)),
    "FieldEmbeddings": Example(lambda: FieldEmbeddings([3, 7], 4, "ones"), ids(3, 7)),
    "LogitMLP": Example(lambda: LogitMLP((5, 3)), numbers(4)),
    "LogitMLP without hidden units": Example(lambda: LogitMLP(()), numbers(4)),
    "NGramCodeEmbedding": Example(
        lambda: NGramCodeEmbedding(3, 3, 4, "ngram", 2, 7, SPREAD, tables_per_code=2),
        ids(3, 3, 3, first=-1),
    ),
    "NumericEmbedding": Example(
        lambda: NumericEmbedding((NumericFeature("a"), NumericFeature("b")), 4, SPREAD),
        numbers(2),
    ),
    "ParallelDense": Example(lambda: ParallelDense(3, "tanh", seed=1), numbers(2, 4)),
    "ParallelQuantizer": Example(
        lambda: ParallelQuantizer(2, 3, 4, **QUANTIZER), numbers(2, 4)
    ),
    "ParallelQuantizer by moving averages": Example(
        lambda: ParallelQuantizer(2, 3, 4, codebook_update="ema", ema_decay=0.9),
        numbers(2, 4),
    ),
    "ResidualQuantizer": Example(
        lambda: ResidualQuantizer(2, 3, 4, codebook_initializer=SPREAD), numbers(1, 4)
    ),
    "SchemaEmbeddings": Example(
        lambda: SchemaEmbeddings(SCHEMA, 4, "self_gating", SPREAD, embedding_l2=0.1),
        FEATURES,
    ),
    "SemanticIdEmbedding": Example(
        lambda: SemanticIdEmbedding(2, 3, 4, SPREAD, tables_per_code=2),
        ids(3, 3, first=-1),
    ),
    "TPUFieldEmbeddings": Example(
        lambda: TPUFieldEmbeddings([3, 7], 4, "adam", 0.1, SPREAD), ids(3, 7)
    ),
    "VectorAdaptor": Example(
        lambda: VectorAdaptor(2, 4, 3, [0.5] * 6, 2.0), numbers(6)
    ),
}


def interaction(name: str) -> keras.layers.Layer:
    small = "hidden_units" in interactions.options(name)
    return interactions.get(name, **({"hidden_units": (7, 3)} if small else {}))


def ranker(name: str, fusion_name: str) -> keras.Model:
    return make_ranker(
        interaction(name),
        SCHEMA,
        fusion_name,
        embedding_dim=4,
        embeddings_initializer=SPREAD,
        embedding_l2=0.1,
    )


def named_examples() -> dict[str, Example]:
    """Of all interactions and fusions by name, alone and in rankers."""
    found, of_interactions = {}, interactions.names()
    of_fusions = fusion.names()
    fields, codes = numbers(FIELDS, DIM), numbers(NUM_CODES, DIM)
    for name in of_interactions:
        make = functools.partial(interaction, name)
        found[f"interaction {name}"] = Example(make, fields)
    for name in of_fusions:
        found[f"fusion {name}"] = Example(functools.partial(fusion.get, name), codes)
    count = max(len(of_interactions), len(of_fusions))
    pairs = zip(itertools.cycle(of_interactions), itertools.cycle(of_fusions))
    for pair in itertools.islice(pairs, count):
        make = functools.partial(ranker, *pair)
        found["ranker {} with {}".format(*pair)] = Example(make, FEATURES)
    return found


EXAMPLES = LAYERS | named_examples()
# A ranker is made of layers that are compared on two replicas themselves, so of all
# rankers, which take a second each, two stand for the others.
_RANKERS = [name for name in EXAMPLES if name.startswith("ranker ")]
REPLICA_EXAMPLES = {k: e for k, e in EXAMPLES.items() if k not in _RANKERS[2:]}


def pytest_generate_tests(metafunc):
    if "example" in metafunc.fixturenames:
        metafunc.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))


@pytest.fixture
def examples():
    return EXAMPLES


@pytest.fixture
def replica_examples():
    return REPLICA_EXAMPLES
