"""Rankers that multiply in half precision."""

import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import (
    AutoIntPlus,
    DCNv2,
    DeepFM,
    Ranker,
    SelfGatingFusion,
    XDeepFM,
    fusion,
    interactions,
    make_ranker,
)
from moc_tf.ranking.logit_mlp import relu_layers
from moc_tf.ranking.precision import built_in
from tests.ranking.small_rankers import RICH, SCHEMA, rich_rows, rows, small


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


def policies(layer):
    """Class and policy of all layers in `layer`."""
    return sorted(
        (type(part).__name__, part.dtype_policy.name)
        for part in layer.submodules
        if isinstance(part, keras.layers.Layer)
    )


OTHER = {"float32": "mixed_bfloat16", "mixed_bfloat16": "float32"}


@pytest.mark.parametrize("precision", OTHER)
@pytest.mark.parametrize("name", interactions.names())
def test_a_ranker_given_a_dtype_computes_in_it_alone(name, precision):
    def built():
        model = make_ranker(name, SCHEMA, embedding_dim=4, dtype=precision)
        model.build()
        return model

    with built_in(precision):
        expected = built()
    with built_in(OTHER[precision]):
        model = built()
        model.set_weights(expected.get_weights())
        logits = model(rows())
        twin = Ranker.from_config(model.get_config())
        twin.build()
    assert policies(model) == policies(twin) == policies(expected)
    np.testing.assert_array_equal(logits, expected(rows()))
    assert model.interaction.compute_dtype == precision.removeprefix("mixed_")


@pytest.mark.parametrize("precision", OTHER)
def test_a_fusion_by_name_computes_as_its_ranker_does(precision):
    for name in fusion.names():
        with built_in(OTHER[precision]):
            model = make_ranker("fmfm", SCHEMA, name, dtype=precision)
            model.build()
        parts = [model.embeddings.fusion, *model.embeddings.fusion.submodules]
        layers = [part for part in parts if isinstance(part, keras.layers.Layer)]
        assert {layer.dtype_policy.name for layer in layers} == {precision}


@pytest.mark.parametrize("precision", OTHER)
def test_a_layer_given_a_dtype_hands_it_on_to_its_parts(precision):
    makers = [
        lambda: AutoIntPlus(2, 4, 2, (5,), dtype=precision),
        lambda: DCNv2(2, (5,), dtype=precision),
        lambda: DeepFM((5,), dtype=precision),
        lambda: XDeepFM((3, 2), (5,), dtype=precision),
    ]
    embeddings = np.ones((2, 3, 4), np.float32)
    for make in makers:
        with built_in(precision):
            expected = make()
            expected(embeddings)
        with built_in(OTHER[precision]):
            layer = make()
        layer(embeddings)
        assert policies(layer) == policies(expected)
        model = Ranker(SCHEMA, make(), "none", dtype=precision)
        assert model.interaction.dtype_policy.name == precision


@pytest.mark.parametrize("precision", OTHER)
def test_layers_of_another_precision_are_refused(precision):
    other = OTHER[precision]
    message = rf"must compute in .*'{precision}'. Received: \w+ of dtype '{other}'"
    for part in (DCNv2(1, (8,), dtype=other), SelfGatingFusion(2, dtype=other)):
        given = {"interaction": "fmfm", "fusion": "self_gating"}
        given["fusion" if isinstance(part, SelfGatingFusion) else "interaction"] = part
        with pytest.raises(ValueError, match=message):
            Ranker(SCHEMA, **given, dtype=precision)
    described = keras.layers.serialize(DCNv2(1, (8,), dtype=other))
    with pytest.raises(ValueError, match=message):
        Ranker(SCHEMA, described, dtype=precision)


def test_biases_learn_from_all_rows_of_a_large_batch_in_half_precision():
    layers = relu_layers((3, 2), "mixed_bfloat16")
    rows = tf.zeros([4096, 5])
    layers(rows)
    *_, last = [weight for weight in layers.trainable_weights if "bias" in weight.name]
    last.assign([1.0, 1.0])
    with tf.GradientTape() as tape:
        outputs = tf.reduce_sum(tf.cast(layers(rows), tf.float32)) / 4096
    np.testing.assert_allclose(tape.gradient(outputs, last), [1, 1], rtol=0.01)


def test_labels_between_0_and_1_are_not_rounded():
    with built_in("mixed_bfloat16"):
        model = small("deepfm")
    batch = {**rows(), "click": np.full(10, 0.3, np.float32)}  # no bfloat16
    model.build()
    model.interaction.bias.assign(50.0)  # where the label counts most
    logits = model(batch).numpy()
    expected = np.mean(np.log1p(np.exp(logits)) - 0.3 * logits)
    assert float(model.compute_loss(batch)) == pytest.approx(expected, rel=1e-6)


def test_a_precision_that_would_need_scaled_losses_is_refused():
    with pytest.raises(ValueError, match=r"one of \['float32'.*'mixed_float16'"):
        make_ranker("dcn_v2", SCHEMA, dtype="mixed_float16")
    assert keras.mixed_precision.global_policy().name == "float32"
