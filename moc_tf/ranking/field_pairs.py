"""What every pair of fields of an example has in common."""

import numpy as np
import tensorflow as tf


def factorization_machine(embeddings: tf.Tensor) -> tf.Tensor:
    """Sum over all pairs of fields of the inner product of their embeddings.

    By sum_{i<j} <e_i, e_j> = ½ (||sum_i e_i||² - sum_i ||e_i||²), linear in F. It is a
    difference of nearly equal numbers, so it is taken in float32 whatever the dtype.

    Args:
      embeddings: floats [batch, F, d].

    Returns:
      float32 [batch]; 0 for a single field.
    """
    exact = tf.cast(embeddings, tf.float32)
    square_of_sum = tf.square(tf.reduce_sum(exact, axis=1))
    sum_of_squares = tf.reduce_sum(tf.square(exact), axis=1)
    return 0.5 * tf.reduce_sum(square_of_sum - sum_of_squares, axis=-1)


def inner_products(embeddings: tf.Tensor) -> tf.Tensor:
    """Inner product of the embeddings of each pair of fields.

    The numbers of TFRS' `DotInteraction`, in its order: (1, 0), (2, 0), (2, 1), ...
    That layer picks them by a mask over the batch, in which it has to look for what is
    true, and does not compile under XLA for every number of fields; here places are
    known.

    Args:
      embeddings: floats [batch, F, d], F and d known.

    Returns:
      [batch, F (F - 1) / 2], of the dtype of `embeddings`.
    """
    num_fields = embeddings.shape[1]
    later, earlier = np.tril_indices(num_fields, -1)
    products = tf.matmul(embeddings, embeddings, transpose_b=True)
    places = tf.constant(later * num_fields + earlier, tf.int32)
    return tf.gather(tf.reshape(products, (-1, num_fields**2)), places, axis=1)
