"""N dense layers side by side, one for each codebook."""

from typing import Any

import tensorflow as tf

from moc_tf._keras import keras


@keras.utils.register_keras_serializable(package="moc_tf")
class ParallelDense(keras.layers.Layer):
    """Applies a dense layer of its own to each of N inputs: y_n = act(x_n W_n + b_n).

    Args:
      units: outputs of each layer.
      activation: as in `keras.layers.Dense`.
      seed: of the initial kernels, each Glorot uniform in its own inputs and outputs.

    Call arguments:
      inputs: float32 [batch, N, in].

    Returns:
      float32 [batch, N, units].
    """

    def __init__(
        self, units: int, activation: Any = None, seed: int | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        """Creates kernels and biases."""
        _, number, width = input_shape
        limit = (6.0 / (width + self.units)) ** 0.5
        self.kernel = self.add_weight(
            name="kernel",
            shape=(number, width, self.units),
            initializer=keras.initializers.RandomUniform(-limit, limit, self.seed),
        )
        self.bias = self.add_weight(
            name="bias", shape=(number, self.units), initializer="zeros"
        )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Applies the layers."""
        return self.activation(
            tf.einsum("bni,nio->bno", inputs, self.kernel) + self.bias
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "seed": self.seed,
        }
