"""The shape that fusions ask of their input."""

from typing import Any

import tensorflow as tf


def field_shape(layer_name: str, input_shape: Any) -> tuple[int, int]:
    """N and d of embeddings [batch, N, d].

    Args:
      layer_name: of the layer that receives them, for the error message.
      input_shape: as `keras.layers.Layer.build` gets it.

    Raises:
      ValueError: if it has another rank, or N or d is unknown.
    """
    shape = tf.TensorShape(input_shape)
    if shape.rank != 3 or None in shape[1:].as_list():
        raise ValueError(
            f"Layer {layer_name!r} expects embeddings of shape [batch, N, d], with "
            f"N and d known. Received: shape {shape}."
        )
    return shape[1], shape[2]
