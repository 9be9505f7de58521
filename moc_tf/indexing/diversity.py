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
    rows = global_sum(tf.cast(tf.shape(latents)[0], latents.dtype))
    centred = latents - global_sum(tf.reduce_sum(latents, axis=0)) / rows
    variances = global_sum(tf.reduce_sum(tf.square(centred), axis=0)) / rows
    scaled = centred * tf.math.rsqrt(variances + 1e-8)
    columns = tf.reshape(scaled, [-1, num_heads * dim])
    heads = tf.transpose(scaled, [1, 0, 2])
    everywhere = global_sum(tf.matmul(columns, columns, transpose_a=True)) / rows
    within = global_sum(tf.matmul(heads, heads, transpose_a=True)) / rows
    between = tf.reduce_sum(tf.square(everywhere)) - tf.reduce_sum(tf.square(within))
    return replica_share(between / (num_heads * (num_heads - 1) * dim * dim))
