"""Arrays as tensors, without a copy where that can be had."""

import numpy as np
import tensorflow as tf


def as_tensor(array: np.ndarray) -> tf.Tensor:
    """`array`, which nobody may change from now on, as a tensor.

    An operation reads an array where it lies if it is aligned, and else copies it once;
    `tf.constant` copies it twice.
    """
    return tf.reshape(array, array.shape)
