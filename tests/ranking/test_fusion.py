import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import SelfGatingFusion, fusion


def embeddings(batch=5, num_codebooks=3, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, num_codebooks, dim)).astype(np.float32)


@pytest.mark.parametrize(
    ("activation", "phi"), [("relu", lambda x: np.maximum(x, 0)), (None, lambda x: x)]
)
def test_self_gating_is_equation_8(activation, phi):
    inputs = embeddings()
    layer = SelfGatingFusion(hidden_units=2, activation=activation)
    outputs = layer(inputs).numpy()
    down, up = (weight.numpy() for weight in layer.weights)
    e = inputs.reshape(5, 12)
    gate = 1 / (1 + np.exp(-(phi(e @ down) @ up)))
    np.testing.assert_allclose(outputs, (gate * e).reshape(5, 3, 4), atol=1e-6)


def test_a_gate_sees_the_other_codes():
    layer = SelfGatingFusion(activation=None)
    one, other = embeddings(), embeddings()
    other[:, 2] += 1.0
    changed = np.abs(layer(one).numpy() - layer(other).numpy()) > 1e-6
    assert changed[:, 0].any()


def test_a_batch_of_one_is_a_batch():
    layer = SelfGatingFusion()
    inputs = embeddings()
    np.testing.assert_allclose(layer(inputs)[:1], layer(inputs[:1]), atol=1e-6)


@pytest.mark.parametrize(
    ("hidden_units", "num_codebooks", "dim", "parameters"),
    [(None, 7, 16, 2 * 112 * 28), (None, 1, 2, 2 * 2 * 1), (5, 3, 4, 2 * 12 * 5)],
)
def test_parameters_have_a_closed_form(hidden_units, num_codebooks, dim, parameters):
    layer = SelfGatingFusion(hidden_units)
    layer(embeddings(2, num_codebooks, dim))
    assert layer.count_params() == parameters


def test_inputs_that_are_not_embeddings_raise():
    with pytest.raises(ValueError, match=r"\[batch, N, d\].*\(2, 12\)"):
        SelfGatingFusion()(tf.zeros([2, 12]))
    with pytest.raises(ValueError, match=r"N and d known.*\(None, None, 4\)"):
        SelfGatingFusion()(keras.Input(shape=(None, 4)))


def test_a_bottleneck_without_width_raises():
    with pytest.raises(ValueError, match=r"hidden_units.*Received: 0"):
        SelfGatingFusion(hidden_units=0)


@pytest.mark.parametrize("activation", ["relu", None])
def test_it_comes_back_from_its_configuration(activation):
    layer = SelfGatingFusion(3, activation, name="fusion")
    twin = fusion.get(keras.layers.serialize(layer))
    assert isinstance(twin, SelfGatingFusion)
    assert twin.get_config() == layer.get_config()


def test_fusions_are_chosen_by_name_or_object():
    layer = keras.layers.Dense(4)
    assert fusion.get(layer) is layer
    assert isinstance(fusion.get("self_gating"), SelfGatingFusion)
    for nothing in (None, "none"):
        inputs = embeddings()
        np.testing.assert_array_equal(fusion.get(nothing)(inputs), inputs)


@pytest.mark.parametrize("identifier", ["gated", 3, SelfGatingFusion])
def test_an_unknown_fusion_raises_with_the_known_ones(identifier):
    message = r"fusion must be a Keras layer or one of \['none', 'self_gating'\]"
    with pytest.raises(ValueError, match=message):
        fusion.get(identifier)
