import itertools

import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import DCNv2, DeepFM, interactions
from moc_tf.ranking.deepfm import factorization_machine


def embeddings(batch=4, num_fields=3, dim=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, num_fields, dim)).astype(np.float32)


def with_random_weights(layer, inputs, seed=1):
    """Builds `layer` and moves all its weights, biases too, away from zero."""
    layer(inputs)
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    return layer


def numpy_mlp(x, layers, last_activation):
    *hidden, last = [(dense.kernel.numpy(), dense.bias.numpy()) for dense in layers]
    for kernel, bias in hidden:
        x = np.maximum(x @ kernel + bias, 0)
    return last_activation(x @ last[0] + last[1])


def mlp_parameters(*widths):
    return sum(a * b + b for a, b in itertools.pairwise(widths))


def test_a_factorization_machine_sums_over_pairs_of_fields():
    e = embeddings()
    pairs = [np.sum(e[:, i] * e[:, j], axis=-1) for i, j in ((0, 1), (0, 2), (1, 2))]
    np.testing.assert_allclose(factorization_machine(e), sum(pairs), rtol=1e-5)


def test_deepfm_adds_a_factorization_machine_and_an_mlp():
    e = embeddings()
    layer = with_random_weights(DeepFM(hidden_units=(5, 4)), e)
    fm = sum(np.sum(e[:, i] * e[:, j], -1) for i, j in ((0, 1), (0, 2), (1, 2)))
    dense = [layer for layer in layer._flatten_layers() if hasattr(layer, "kernel")]
    deep = numpy_mlp(e.reshape(4, 6), dense, lambda x: x)[:, 0]
    np.testing.assert_allclose(layer(e), fm + deep, rtol=1e-4)


def test_dcn_v2_joins_cross_layers_and_an_mlp():
    e = embeddings()
    layer = with_random_weights(DCNv2(num_cross_layers=2, hidden_units=(5, 4)), e)
    x0 = x = e.reshape(4, 6)
    for cross in layer.cross:
        kernel, bias = (weight.numpy() for weight in cross.weights)
        x = x0 * (x @ kernel + bias) + x
    dense = [sub for sub in layer.mlp._flatten_layers() if hasattr(sub, "kernel")]
    deep = numpy_mlp(x0, dense, lambda x: np.maximum(x, 0))
    kernel, bias = (weight.numpy() for weight in layer.output_unit.weights)
    expected = (np.concatenate([x, deep], axis=1) @ kernel + bias)[:, 0]
    np.testing.assert_allclose(layer(e), expected, rtol=1e-4)


def test_parameters_have_a_closed_form():
    e = tf.zeros([1, 11, 16])
    deepfm, dcn_v2 = interactions.get("deepfm"), interactions.get("dcn_v2")
    deepfm(e)
    dcn_v2(e)
    width = 11 * 16
    assert deepfm.count_params() == mlp_parameters(width, 256, 128, 64, 1)
    assert dcn_v2.count_params() == (
        3 * (width**2 + width) + mlp_parameters(width, 256, 128, 64) + width + 64 + 1
    )


@pytest.mark.parametrize("name", ["deepfm", "dcn_v2"])
def test_a_batch_of_one_is_a_batch(name):
    e = embeddings()
    layer = interactions.get(name)
    assert layer(e[:1]).shape == (1,)
    np.testing.assert_allclose(layer(e)[:1], layer(e[:1]), atol=1e-5)


@pytest.mark.parametrize(
    "layer", [DeepFM((5,), name="a"), DCNv2(2, hidden_units=(5, 4), name="b")]
)
def test_a_layer_comes_back_from_its_configuration(layer):
    twin = interactions.get(keras.layers.serialize(layer))
    assert type(twin) is type(layer)
    assert twin.get_config() == layer.get_config()
    twin(embeddings())
    layer(embeddings())
    assert twin.count_params() == layer.count_params()


@pytest.mark.parametrize("arguments", [{"num_cross_layers": 0}, {"hidden_units": ()}])
def test_dcn_v2_without_one_of_its_halves_raises(arguments):
    with pytest.raises(ValueError, match=r"at least one cross layer and one hidden"):
        DCNv2(**arguments)


def test_an_unknown_interaction_raises_with_the_known_ones():
    with pytest.raises(ValueError, match=r"\['dcn_v2', 'deepfm'\].*Received: 'dlrn'"):
        interactions.get("dlrn")
