"""Greedy residual levels: each codes what those before it have left of a vector."""

from collections.abc import Callable

import tensorflow as tf


def greedy_codes(
    vectors: tf.Tensor,
    code_vectors: tf.Tensor,
    choose: Callable[[int, tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """Codes of `vectors`, level by level: r_1 = x, r_{n+1} = r_n - E_n[c_n].

    Args:
      vectors: float32 [batch, X].
      code_vectors: E, float32 [N, K, X].
      choose: takes a level n and its residuals r_n, [batch, X]; returns their codes
        c_n, int32 [batch].

    Returns:
      int32 [batch, N].
    """
    residuals, codes = vectors, []
    for level in range(code_vectors.shape[0]):
        codes.append(choose(level, residuals))
        residuals -= tf.gather(code_vectors[level], codes[-1])
    return tf.stack(codes, axis=1)


def sum_of_levels(codes: tf.Tensor, code_vectors: tf.Tensor) -> tf.Tensor:
    """What codes [batch, N] stand for, the sum of their vectors: [batch, X]."""
    rows = tf.gather(code_vectors, tf.transpose(codes), batch_dims=1)
    return tf.reduce_sum(rows, axis=0)
