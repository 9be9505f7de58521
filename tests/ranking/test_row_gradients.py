import numpy as np
import tensorflow as tf

from moc_tf.ranking import LazyAdam, SparseAdagrad


def test_a_gradient_without_rows_moves_nothing():
    # Of a replica that got no examples of a small last batch.
    table, optimizer = tf.Variable(tf.ones([3, 2])), LazyAdam()
    nothing = tf.IndexedSlices(tf.zeros([0, 2]), tf.zeros([0], tf.int64), (3, 2))
    optimizer.apply_gradients([(nothing, table)])
    np.testing.assert_array_equal(table, np.ones([3, 2]))


def test_rows_may_be_numbers_or_matrices():
    for shape in ((), (2, 2)):
        parts = np.arange(1, 1 + 3 * np.prod(shape, dtype=int), dtype=np.float32)
        parts = parts.reshape(3, *shape)
        table, dense = (
            tf.Variable(tf.ones([2, *shape])),
            tf.Variable(tf.ones([2, *shape])),
        )
        gradient = tf.IndexedSlices(tf.constant(parts), tf.constant([1, 0, 1]))
        SparseAdagrad().apply_gradients([(gradient, table)])
        summed = np.stack([parts[1], parts[0] + parts[2]])
        SparseAdagrad().apply_gradients([(tf.constant(summed), dense)])
        np.testing.assert_allclose(table, dense, rtol=1e-6)
