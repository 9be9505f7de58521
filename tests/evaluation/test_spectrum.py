"""Singular spectra by hand, and what they come to."""

import math

import numpy as np
import pytest

from moc_tf.evaluation import information_abundance, singular_values


def orthonormal(rows, columns, seed=0):
    random = np.random.default_rng(seed)
    return np.linalg.qr(random.normal(size=(rows, columns)))[0]


def test_two_by_two_by_hand():
    # Of [[3, 0], [4, 5]], the Gram matrix is [[25, 20], [20, 25]]: 45 and 5.
    values = singular_values([[3, 0], [4, 5]])
    assert values.dtype == np.float64
    assert values == pytest.approx([3 * math.sqrt(5), math.sqrt(5)])
    assert information_abundance(values) == pytest.approx(4 / 3)
    assert singular_values([[0, 2], [-7, 0]]) == pytest.approx([7, 2])


def test_there_is_one_for_each_row_or_column_whichever_are_fewer():
    matrix = np.random.default_rng(1).normal(size=(9, 4))
    values = singular_values(matrix)
    assert values.shape == (4,)
    assert (np.diff(values) < 0).all()
    assert singular_values(matrix.T) == pytest.approx(values)
    # The order of the items does not matter, and an item twice is as one of sqrt(2).
    twice = np.concatenate([matrix, matrix[::-1]])
    assert singular_values(twice) == pytest.approx(math.sqrt(2) * values)
    # Neither centred nor scaled.
    assert singular_values(np.ones((9, 4))) == pytest.approx([6, 0, 0, 0], abs=1e-12)


def test_values_far_below_the_largest_are_exact():
    expected = np.array([1, 1e-5, 1e-10, 1e-13])
    matrix = orthonormal(50, 4) * expected @ orthonormal(4, 4, seed=1)
    np.testing.assert_allclose(singular_values(matrix), expected, rtol=0, atol=1e-15)
    narrow = matrix.astype(np.float32)
    twin = np.linalg.svd(narrow.astype(np.float64), compute_uv=False)
    np.testing.assert_array_equal(singular_values(narrow), twin)


@pytest.mark.parametrize("width", [1, 2, 7])
def test_abundance_is_the_width_if_all_directions_count_alike(width):
    matrix = -3.5 * orthonormal(40, width)
    assert information_abundance(singular_values(matrix)) == pytest.approx(width)


def test_abundance_is_one_of_a_matrix_of_rank_one():
    matrix = np.outer(np.arange(1, 30), [2, -1, 0, 5])
    assert information_abundance(singular_values(matrix)) == pytest.approx(1)


def test_abundance_is_of_the_sum_whatever_the_order_and_scale():
    assert information_abundance([1, 4, 2, 1]) == 2
    assert information_abundance([250, 1000, 500, 250, 0]) == 2


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.zeros((0, 3)), r"none of them empty.*Received: shape \(0, 3\)"),
        (np.zeros((3, 0)), r"Received: shape \(3, 0\)"),
        (np.zeros((2, 2, 2)), r"two dimensions.*Received: shape \(2, 2, 2\)"),
        ([1.0, 2.0], r"Received: shape \(2,\)"),
        ([[1.0, math.nan], [math.inf, 0.0]], "finite. Received: 2 of 4 values"),
    ],
)
def test_what_has_no_spectrum_is_refused(matrix, message):
    with pytest.raises(ValueError, match=message):
        singular_values(matrix)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], r"at least one value. Received: shape \(0,\)"),
        ([[1.0]], r"one-dimensional.*Received: shape \(1, 1\)"),
        ([0.0, 0.0], "one of them above 0. Received: values from 0 to 0"),
        ([2.0, -1.0], "Received: values from -1 to 2"),
        ([2.0, math.nan], "finite.*Received: values from nan to nan"),
        ([math.inf, 1.0], "finite.*Received: values from 1 to inf"),
    ],
)
def test_what_has_no_abundance_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        information_abundance(values)
