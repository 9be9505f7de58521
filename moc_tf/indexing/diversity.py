"""A penalty that keeps parallel codebooks from being copies of one another."""

import tensorflow as tf

from moc_tf.global_batch import global_sum, replica_share


def cross_correlation(latents: tf.Tensor) -> tf.Tensor:
    """Mean squared correlation between dimensions of different heads, in [0, 1].

    With C the correlation matrix, over the batch, of the N·D latent dimensions, this
    is the mean of C² over its off-diagonal D x D blocks: 0 when no dimension of a
    head can be predicted linearly from another head, large when heads are copies.
    An addition of ours; the paper has no such term.

    Args:
      latents: float32 [batch, N, D], N >= 2.

    Returns:
      float32 scalar. Under a strategy with several replicas, this replica's share of
      that of the global batch.
    """
    num_heads, dim = latents.shape[1], latents.shape[2]
    columns = tf.reshape(latents, [-1, num_heads * dim])
    rows = global_sum(tf.cast(tf.shape(columns)[0], columns.dtype))
    columns -= global_sum(tf.reduce_sum(columns, axis=0)) / rows
    variances = global_sum(tf.reduce_sum(tf.square(columns), axis=0)) / rows
    columns *= tf.math.rsqrt(variances + 1e-8)
    correlation = global_sum(tf.matmul(columns, columns, transpose_a=True)) / rows
    blocks = tf.reshape(tf.square(correlation), [num_heads, dim, num_heads, dim])
    within = tf.einsum("ndne->", blocks)
    pairs = num_heads * (num_heads - 1) * dim * dim
    return replica_share((tf.reduce_sum(blocks) - within) / pairs)
