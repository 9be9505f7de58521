"""A dense layer that learns rightly in half precision too."""

from typing import Any

import tensorflow as tf

from moc_tf._keras import keras


class Dense(keras.layers.Dense):
    """Keras' dense layer, whose bias has the right gradient in half precision too.

    Keras adds the bias by TensorFlow's BiasAdd, whose gradient on a CPU adds up the
    rows of a batch in the precision that it computes in: of 4096 ones bfloat16 makes
    256. That of an ordinary sum adds up in float32. In float32 it is Keras' layer.

    Args:
      units: outputs.
      activation: as in `keras.layers.Dense`, and so all others.

    Call arguments:
      inputs: floats [batch, in].

    Returns:
      [batch, units], of the precision that the layer computes in.
    """

    def call(self, inputs: tf.Tensor) -> Any:
        """Applies the layer."""
        if self.compute_dtype == "float32":
            return super().call(inputs)
        outputs = tf.matmul(tf.cast(inputs, self.compute_dtype), self.kernel)
        return self.activation(outputs + self.bias)
