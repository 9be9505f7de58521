"""Sums and means over the global batch, which a strategy may split over replicas."""

import tensorflow as tf


def global_sum(values: tf.Tensor) -> tf.Tensor:
    """The sum of `values` over all replicas, element by element; differentiable.

    Where there is one replica, these are `values` themselves.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)


def global_mean(values: tf.Tensor) -> tf.Tensor:
    """This replica's share of the mean over the global batch.

    The shares of all replicas sum to the mean, and so do their gradients, also where
    the last batch is split unevenly or leaves a replica without examples.

    Args:
      values: float32 [batch of this replica].

    Returns:
      float32 scalar; the mean itself where there is one replica.
    """
    count = global_sum(tf.cast(tf.size(values), values.dtype))
    return tf.math.divide_no_nan(tf.reduce_sum(values), count)


def replica_share(value: tf.Tensor) -> tf.Tensor:
    """This replica's share of a `value` that all replicas hold alike."""
    context = tf.distribute.get_replica_context()
    replicas = 1 if context is None else context.num_replicas_in_sync
    return value / tf.cast(replicas, value.dtype)
