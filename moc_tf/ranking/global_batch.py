"""Means over the global batch, which a strategy may split over replicas."""

import tensorflow as tf


def global_mean(values: tf.Tensor) -> tf.Tensor:
    """This replica's share of the mean over the global batch.

    The shares of all replicas sum to the mean, and so do their gradients, also where
    the last batch is split unevenly or leaves a replica without examples.

    Args:
      values: float32 [batch of this replica].

    Returns:
      float32 scalar; the mean itself where there is one replica.
    """
    count = tf.cast(tf.size(values), values.dtype)
    context = tf.distribute.get_replica_context()
    if context is not None and context.num_replicas_in_sync > 1:
        count = context.all_reduce(tf.distribute.ReduceOp.SUM, count)
    return tf.math.divide_no_nan(tf.reduce_sum(values), count)
