"""Rankers that multiply in half precision."""

import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import DeepFM, make_ranker
from tests.ranking.small_rankers import RICH, rich_rows, rows, small


def test_every_kind_computes_in_half_precision():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = make_ranker(DeepFM((8,)), RICH, embedding_dim=4, embedding_l2=0.01)
        fields = model.embeddings(rich_rows())
        logits = model(rich_rows())
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert fields.dtype == tf.bfloat16
    assert logits.dtype == tf.float32
    assert {weight.dtype for weight in model.weights} == {tf.float32}
    twin = make_ranker(DeepFM((8,)), RICH, embedding_dim=4)
    twin(rich_rows())
    twin.set_weights(model.get_weights())
    np.testing.assert_allclose(logits, twin(rich_rows()), atol=0.05)


@pytest.mark.parametrize("name", ["dcn_v2", "deepfm"])
def test_a_ranker_of_half_precision_loads_where_keras_has_another(name, tmp_path):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = small(name, embeddings_initializer="random_normal")
        model.build()
        logits = model(rows())
    finally:
        keras.mixed_precision.set_global_policy("float32")
    for file in ("ranker.keras", "saved_model"):
        model.save(tmp_path / file)
        loaded = keras.models.load_model(tmp_path / file)
        np.testing.assert_array_equal(loaded(rows()), logits)
        assert keras.mixed_precision.global_policy().name == "float32"


def test_the_linear_term_is_exact_in_half_precision():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = make_ranker(DeepFM((8,)), RICH, embedding_dim=4)
        batch = rich_rows()
        model(batch)
        for weight in model.linear.weights:
            weight.assign(np.random.default_rng(1).normal(size=weight.shape))
        linear = tf.reduce_sum(model.linear(batch), [1, 2])
        logits = model(batch) - model.interaction(model.embeddings(batch))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    users = model.linear.fields.embeddings.numpy()[:, 0]
    bag = model.linear.bags[0].embeddings.numpy()[:, 0]
    price = model.linear.numeric.kernel.numpy().item()
    expected = price * (batch["price"] - 2) / 0.5 + users[batch["user"]]
    for row, tags in enumerate(batch["tags"]):
        kept = [bag[1 + tag] for tag in tags if tag >= 0] or [bag[0]]
        expected[row] += np.mean(kept)
    np.testing.assert_allclose(linear, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
