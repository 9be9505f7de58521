"""The squared error that all losses are made of."""

from collections.abc import Callable

import tensorflow as tf


@tf.custom_gradient
def mean_squares(one: tf.Tensor, other: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """The mean squared difference of two rows each; differentiable once.

        s_b = mean_i (x_bi - y_bi)²,   ds_b / dx_bi = 2 (x_bi - y_bi) / size

    The gradient is one product with the difference. That of the composed formula has
    the means spread over the rows first, and then multiplies twice.

    Args:
      one: x, float32 [batch, ...].
      other: y, of the same shape.

    Returns:
      float32 [batch].
    """
    difference = one - other
    axes = list(range(1, len(one.shape)))

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        size = tf.cast(tf.reduce_prod(tf.shape(one)[1:]), upstream.dtype)
        factors = tf.reshape(2.0 / size * upstream, [-1] + [1] * len(axes))
        pull = factors * difference
        return pull, -pull

    return tf.reduce_mean(tf.square(difference), axes), gradient
