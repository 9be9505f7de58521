"""The MLP that ends in a logit."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from moc_tf._keras import keras
from moc_tf.dense import Dense
from moc_tf.ranking.precision import built_in


@keras.utils.register_keras_serializable(package="moc_tf")
class LogitMLP(keras.layers.Layer):
    """ReLU layers and one output unit, which computes in float32.

    So it does under mixed precision too: bfloat16 has 8 significant bits, and logits
    rounded to them tie with one another, by which AUC loses. Parameters, with D inputs
    and widths h_1, ..., h_n: those of an MLP D -> h_1 -> ... -> h_n -> 1.

    Args:
      hidden_units: widths of the ReLU layers; without any the MLP is linear.

    Call arguments:
      inputs: floats [batch, D].

    Returns:
      float32 [batch].
    """

    def __init__(self, hidden_units: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.hidden_units = tuple(hidden_units)
        self.hidden: Any = None
        if self.hidden_units:
            self.hidden = relu_layers(self.hidden_units, self.dtype_policy.name)
        self.output_unit = logit_unit()

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The logit of each row."""
        hidden = inputs if self.hidden is None else self.hidden(inputs)
        return tf.squeeze(self.output_unit(hidden), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "hidden_units": list(self.hidden_units)}


def relu_layers(units: Sequence[int], precision: str) -> keras.layers.Layer:
    """TFRS' MLP of ReLU layers, which hands no precision on to them by itself."""
    with built_in(precision):
        mlp = tfrs.layers.blocks.MLP(units, final_activation="relu")
    if precision != "float32":
        # TFRS' own have biases that learn wrongly in half precision.
        mlp._sublayers = [Dense(width, "relu", dtype=precision) for width in units]
    # Keras would number them on from model to model, and where dense_9 is beside
    # dense_10, which comes first by name, TensorFlow adds up in another order.
    for place, layer in enumerate(mlp._sublayers):
        layer._name = f"dense_{place}"
    return mlp


def logit_unit(use_bias: bool = True) -> keras.layers.Dense:
    """An output unit that computes in float32, whatever the precision."""
    return keras.layers.Dense(1, use_bias=use_bias, dtype="float32", name="output_unit")
