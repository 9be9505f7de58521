import math

import numpy as np
import pytest

from moc_tf.data.dense_features import NumericFeature, VectorFeature


def test_values_get_mean_zero_and_deviation_one():
    feature = NumericFeature.fitted("price", [1, 3, 5, 7])
    assert feature == NumericFeature("price", mean=4.0, scale=math.sqrt(5))


def test_statistics_are_those_of_the_logarithms_if_asked_for():
    feature = NumericFeature.fitted("count", [0.0, math.e**2 - 1], log1p=True)
    assert (feature.mean, feature.scale) == (pytest.approx(1), pytest.approx(1))
    assert feature.log1p


def test_equal_values_are_not_scaled():
    assert NumericFeature.fitted("price", [3.0, 3.0]) == NumericFeature("price", 3.0)
    equal = VectorFeature.fitted("text", np.full((4, 2), 0.1, np.float16))
    assert equal.scale == 1


@pytest.mark.parametrize("value", [1e6 + 0.3, 1e9 + 0.1])
def test_the_rounding_of_a_mean_is_no_deviation(value):
    assert NumericFeature.fitted("price", np.full(1000, value)).scale == 1
    assert VectorFeature.fitted("text", np.full((1000, 3), value)).scale == 1


def test_small_numbers_that_differ_are_scaled():
    small = np.array([1e-13, 3e-13, 5e-13])
    expected = pytest.approx(np.std(small))
    assert NumericFeature.fitted("price", small).scale == expected
    assert VectorFeature.fitted("text", small[:, np.newaxis]).scale == expected


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_vectors_get_mean_zero_and_unit_mean_square(dtype):
    vectors = np.array([[1, 10], [3, 10], [1, 16], [3, 16]], dtype)
    feature = VectorFeature.fitted("text", vectors, num_fields=7)
    # Squares of the distances to the mean: 1 and 9.
    assert feature == VectorFeature("text", 2, 7, (2.0, 13.0), math.sqrt(5))
    standardised = (vectors - np.array(feature.mean)) / feature.scale
    assert np.mean(np.square(standardised)) == pytest.approx(1)


def test_the_mean_of_many_half_precise_vectors_does_not_overflow():
    vectors = np.full((5000, 1000), 60000, np.float16)  # more than a block
    vectors[1::2] = -60000
    feature = VectorFeature.fitted("text", vectors)
    assert set(feature.mean) == {0.0}
    assert feature.scale == pytest.approx(float(vectors[0, 0]))


def test_a_long_mean_is_not_shown():
    assert repr(VectorFeature("text", 3, mean=[1, 2, 3])) == (
        "VectorFeature(name='text', dim=3, num_fields=1, scale=1.0)"
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NumericFeature("x", math.nan), r"mean of 'x' .* Received: nan\."),
        (lambda: NumericFeature("x", 0, 0), r"scale of 'x' .*above 0\. Received: 0\."),
        (lambda: NumericFeature("x", 0, -1), r"scale of 'x' .* Received: -1\."),
        (lambda: NumericFeature("x", 0, math.inf), r"scale of 'x' .* Received: inf\."),
        (lambda: NumericFeature("x", 0, math.nan), r"scale of 'x' .* Received: nan\."),
        (lambda: VectorFeature("x", 0), r"dim and num_fields of 'x'.*: 0 and 1\."),
        (lambda: VectorFeature("x", 3, 0), r"Received: 3 and 0\."),
        (lambda: VectorFeature("x", 3, mean=(1, 2)), r"dimension, 3.*: 2 numbers"),
        (lambda: VectorFeature("x", 1, mean=(math.inf,)), r"mean of 'x'.*: inf\."),
        (lambda: VectorFeature("x", 1, scale=0), r"scale of 'x'.*: 0\."),
        (lambda: NumericFeature.fitted("x", []), r"'x' must be finite.*shape \[0\]"),
        (lambda: NumericFeature.fitted("x", [[1]]), r"shape \[1, 1\]"),
        (lambda: NumericFeature.fitted("x", [1, math.nan]), "1 of them not finite"),
        (lambda: NumericFeature.fitted("x", [0, -1], True), r"above -1.*: -1\."),
        (lambda: VectorFeature.fitted("x", np.zeros(3)), r"'x' .*shape \[3\]"),
        (lambda: VectorFeature.fitted("x", np.zeros((0, 3))), r"shape \[0, 3\]"),
        (lambda: VectorFeature.fitted("x", [[0.0, math.nan]]), "mean of 'x'.*nan"),
    ],
)
def test_impossible_features_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
