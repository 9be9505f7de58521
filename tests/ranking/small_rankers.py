"""Rankers small enough for a test, and batches for them."""

import numpy as np
import tensorflow as tf

from moc_tf.data.schema import (
    CategoricalFeature,
    CodeFeature,
    MultiValuedFeature,
    NumericFeature,
    Schema,
    VectorFeature,
)
from moc_tf.ranking import DCNv2, DeepFM, make_ranker

SCHEMA = Schema(
    (
        CategoricalFeature("user", 20),
        CodeFeature("codes", num_codebooks=3, codebook_size=4),
        CategoricalFeature("brand", 6),
    ),
    label="click",
)


NAMES = ["deepfm", "dcn_v2"]


def rows(n=10, seed=0):
    """Examples whose label is a function of one code."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(-1, 4, (n, 3)).astype(np.int32)
    return {
        "user": rng.integers(0, 20, n).astype(np.int32),
        "brand": rng.integers(0, 6, n).astype(np.int32),
        "codes": codes,
        "click": (codes[:, 1] > 1).astype(np.float32),
    }


def dataset(n=10, batch=4):
    return tf.data.Dataset.from_tensor_slices(rows(n)).batch(batch)


def small(name, **options):
    interaction = {
        "deepfm": DeepFM(hidden_units=(8,)),
        "dcn_v2": DCNv2(num_cross_layers=1, hidden_units=(8,)),
    }[name]
    return make_ranker(interaction, SCHEMA, embedding_dim=4, **options)


# Of every kind, and the vector fused.
RICH = Schema(
    (
        NumericFeature("price", mean=2.0, scale=0.5),
        CategoricalFeature("user", 20),
        MultiValuedFeature("tags", 5),
        VectorFeature("text", 6, num_fields=3, mean=(0.5,) * 6, scale=2.0),
    ),
    label="click",
)


def rich_rows(n=10):
    rng = np.random.default_rng(0)
    return {
        "price": rng.normal(size=n).astype(np.float32),
        "user": rng.integers(0, 20, n).astype(np.int32),
        "tags": rng.integers(-1, 5, (n, 3)).astype(np.int32),
        "text": rng.normal(size=(n, 6)).astype(np.float16),
        "click": rng.integers(0, 2, n).astype(np.float32),
    }
