import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.data.schema import NumericFeature
from moc_tf.ranking import NumericEmbedding

AGE = NumericFeature("age", mean=40.0, scale=10.0)
COUNT = NumericFeature("count", mean=1.0, scale=2.0, log1p=True)


def layer_of(features=(AGE, COUNT), **options):
    layer = NumericEmbedding(features, 2, **options)
    layer(tf.zeros([1, len(features)]))
    kernel = np.array([[1, 2], [30, 40]], np.float32)[: len(features)]
    layer.kernel.assign(kernel)
    return layer


def test_a_number_is_standardised_and_scales_its_vector():
    layer = layer_of()
    layer.bias.assign([[0, 0.5], [100, 200]])
    numbers = tf.constant([[50, np.e**3 - 1], [40, 0], [10, np.e - 1]], tf.float32)
    # Standardised: (1, 1), (0, -1/2), (-3, 0).
    expected = [
        [[1, 2.5], [130, 240]],
        [[0, 0.5], [85, 180]],
        [[-3, -5.5], [100, 200]],
    ]
    np.testing.assert_allclose(layer(numbers), expected, rtol=1e-5)


def test_biases_start_at_zero_and_can_be_left_out():
    assert not layer_of().bias.numpy().any()
    assert layer_of().count_params() == 2 * 2 * 2
    plain = layer_of(use_bias=False)
    assert plain.bias is None
    assert plain.count_params() == 2 * 2
    assert plain(tf.constant([[50.0, 0.0]])).numpy().tolist() == [[[1, 2], [-15, -20]]]


def test_vectors_start_small_or_as_told():
    features = [NumericFeature(str(index)) for index in range(2000)]
    default = NumericEmbedding(features, 2)
    default(tf.zeros([1, 2000]))
    assert np.std(default.kernel) == pytest.approx(0.01, rel=0.1)
    ones = NumericEmbedding([AGE], 2, "ones")
    assert ones(tf.constant([[50]])).numpy().tolist() == [[[1.0, 1.0]]]


def test_half_precision_does_not_touch_the_numbers():
    time = NumericFeature("time", mean=1.4e9, scale=1e6)
    layer = NumericEmbedding([time], 1, "ones", dtype="mixed_bfloat16")
    output = layer(tf.constant([[1.402e9]]))  # bfloat16 would make it 1.3959e9
    assert output.dtype == tf.bfloat16
    assert float(output[0, 0, 0]) == pytest.approx(2, rel=1e-2)
    assert layer.kernel.dtype == tf.float32


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64, tf.float64])
def test_what_float32_would_round_is_standardised_first(dtype):
    time = NumericFeature("time", mean=1.4e9, scale=100.0)
    layer = NumericEmbedding([time], 1, "ones")
    times = tf.constant([[1_400_000_000], [1_400_000_030]], dtype)
    np.testing.assert_allclose(layer(times)[:, 0, 0], [0, 0.3], rtol=1e-6)


@pytest.mark.parametrize(
    "numbers", [[np.nan, 1], [np.inf, 1], [1, np.nan], [1, -1], [1, -2]]
)
@pytest.mark.parametrize("compiled", [False, True])
def test_a_number_without_a_place_raises(numbers, compiled):
    layer = layer_of()
    embed = tf.function(layer.__call__) if compiled else layer
    embed(tf.constant([[-2.0, -0.9]]))
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"(?s)without a place on its scale.*age, count\. Received: from",
    ):
        embed(tf.constant([[0.0, 0.0], numbers], tf.float32))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NumericEmbedding([], 2), r"features .*Received: none\."),
        (lambda: NumericEmbedding([AGE], 0), r"embedding_dim .*Received: 0\."),
        (
            lambda: NumericEmbedding([AGE], 2, name="n")(tf.zeros([3, 2])),
            r"'n' embeds 1 numbers.*\[batch, 1\]\. Received: shape \(3, 2\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_it_comes_back_from_its_configuration():
    layer = NumericEmbedding([AGE, COUNT], 2, "ones", use_bias=False, name="numbers")
    twin = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(twin) is NumericEmbedding
    assert twin.features == (AGE, COUNT)
    assert twin.get_config() == layer.get_config()
