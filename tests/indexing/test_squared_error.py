import numpy as np
import pytest
import tensorflow as tf

from moc_tf.indexing.squared_error import mean_squares


def rows(shape, seed):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


def test_a_pinned_row():
    # Differences 1, -2 and 0, 3.
    errors = mean_squares(
        tf.constant([[2.0, 1.0], [5.0, 4.0]]), tf.constant([[1.0, 3.0], [5.0, 1.0]])
    )
    np.testing.assert_array_equal(errors, [2.5, 4.5])


@pytest.mark.parametrize("shape", [(5, 4), (3, 2, 7), (1, 1), (0, 3)])
def test_value_and_gradients_equal_the_composed_formula(shape):
    one, other, weights = rows(shape, 0), rows(shape, 1), rows(shape[:1], 2)

    def composed(one, other):
        return tf.reduce_mean(tf.square(one - other), list(range(1, len(shape))))

    found = []
    for function in (mean_squares, composed, tf.function(mean_squares)):
        with tf.GradientTape() as tape:
            tape.watch([one, other])
            errors = function(one, other)
            total = tf.reduce_sum(weights * errors)
        found.append([errors, *tape.gradient(total, [one, other])])
    for mine, formula, in_graph in zip(*found, strict=True):
        np.testing.assert_allclose(mine, formula, rtol=1e-6)
        np.testing.assert_allclose(in_graph, formula, rtol=1e-6)
