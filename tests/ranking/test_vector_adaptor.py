import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import VectorAdaptor


def test_each_field_has_an_mlp_of_its_own():
    layer = VectorAdaptor(2, 2, hidden_units=1, mean=[1, 2, 3], scale=2)
    layer(tf.zeros([1, 3]))
    layer.hidden_kernel.assign([[[1], [0], [0]], [[0], [10], [1]]])
    layer.hidden_bias.assign([[[1]], [[-4]]])
    layer.output_kernel.assign([[[1, 2]], [[3, 4]]])
    layer.output_bias.assign([[[0.5, 0]], [[0, 0.25]]])
    # Standardised: (1, 0, 1), (-2, 1, 0); hidden: 2 and 0 (of -3), 0 (of -1) and 6.
    outputs = layer(tf.constant([[3, 2, 5], [-3, 4, 3]], tf.float32))
    assert outputs.numpy().tolist() == [
        [[2.5, 4], [0, 0.25]],
        [[0.5, 0], [18, 24.25]],
    ]


@pytest.mark.parametrize(
    ("num_fields", "dim", "hidden", "width"), [(7, 16, None, 64), (3, 2, 5, 5)]
)
def test_parameters_have_a_closed_form(num_fields, dim, hidden, width):
    layer = VectorAdaptor(num_fields, dim, hidden, mean=[0.0] * 10)
    assert layer(tf.zeros([4, 10])).shape == (4, num_fields, dim)
    assert layer.count_params() == num_fields * ((10 + 1) * width + (width + 1) * dim)
    assert all(weight.trainable for weight in layer.weights)


def test_every_mlp_starts_as_one_alone_would():
    layer = VectorAdaptor(50, 16, 64)
    layer(tf.zeros([1, 100]))
    for kernel, fan in ((layer.hidden_kernel, 164), (layer.output_kernel, 80)):
        assert np.std(kernel) == pytest.approx(np.sqrt(2 / fan), rel=0.02)
        assert np.abs(kernel).max() <= np.sqrt(6 / fan)
        assert not np.allclose(kernel[0], kernel[1])


def test_half_precise_vectors_are_computed_with_as_single_ones():
    layer = VectorAdaptor(2, 3, mean=[0.1] * 4, scale=0.3)
    vectors = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float16)
    outputs = layer(tf.constant(vectors))
    assert outputs.dtype == tf.float32
    np.testing.assert_array_equal(layer(tf.constant(vectors, tf.float32)), outputs)


def test_half_precision_does_not_touch_the_vectors():
    layer = VectorAdaptor(1, 1, 1, mean=[1000.0], scale=0.5, dtype="mixed_bfloat16")
    layer(tf.zeros([1, 1]))
    layer.hidden_kernel.assign([[[1.0]]])
    layer.output_kernel.assign([[[1.0]]])
    output = layer(tf.constant([[1001.0]]))  # bfloat16 would make it 1000
    assert output.dtype == tf.bfloat16
    assert float(output[0, 0, 0]) == 2.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VectorAdaptor(0, 2), r"num_fields .*at least 1\. Received: 0\."),
        (lambda: VectorAdaptor(2, 0), r"embedding_dim .*at least 1\. Received: 0\."),
        (lambda: VectorAdaptor(2, 2, 0), r"hidden_units .*, or None\. Received: 0\."),
        (lambda: VectorAdaptor(2, 2, scale=0), r"scale .* Received: 0\."),
        (
            lambda: VectorAdaptor(2, 2, mean=[0.0] * 3, name="v")(tf.zeros([5, 4])),
            r"'v' expects .*\[batch, 3\].*Received: shape \(5, 4\)",
        ),
        (
            lambda: VectorAdaptor(2, 2, name="v")(tf.zeros([5])),
            r"'v' expects .*\[batch, X\].*Received: shape \(5,\)",
        ),
        (
            lambda: VectorAdaptor(2, 2, name="v")(tf.zeros([5, 4], tf.int32)),
            r"'v' expects vectors of floats\. Received: int32\.",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_it_comes_back_from_its_configuration():
    layer = VectorAdaptor(2, 3, 5, mean=[1.0, 2.0], scale=0.5, name="text")
    twin = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(twin) is VectorAdaptor
    assert twin.get_config() == layer.get_config()
