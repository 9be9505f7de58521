"""Fusions by way of a bottleneck that sees all code embeddings at once."""

import abc
from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import layer_checks


class BottleneckFusion(keras.layers.Layer, abc.ABC):
    """What they share: m = W_up phi(W_down e), of which each makes its output.

    e in R^{N d} is the concatenation of the N embeddings. There are no biases, as in
    Equation 8 of arXiv:2410.09560, so that all have 2 * N * d * hidden_units
    parameters and differ by what they do with m alone.

    Args:
      hidden_units: rows of W_down; None is a quarter of N * d, and at least 1.
      activation: phi, by name or as a function; None is the identity.

    Call arguments:
      embeddings: float32 [batch, N, d], with N and d known.

    Returns:
      float32 [batch, N, d].

    Raises:
      ValueError: if `embeddings` have another shape.
    """

    _up_activation: str | None = None

    def __init__(
        self,
        hidden_units: int | None = None,
        activation: Any = "relu",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.hidden_units = layer_checks.optional_integer(
            self, "hidden_units", hidden_units
        )
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: Any) -> None:
        """Creates W_down and W_up."""
        num_fields, dim = layer_checks.fields(self, input_shape)
        self._shape = (-1, num_fields, dim)
        self._width = num_fields * dim
        self.down = keras.layers.Dense(
            self.hidden_units or max(1, self._width // 4),
            activation=self.activation,
            use_bias=False,
            dtype=self.dtype_policy,
            name="down",
        )
        self.up = keras.layers.Dense(
            self._width,
            activation=self._up_activation,
            use_bias=False,
            dtype=self.dtype_policy,
            name="up",
        )
        super().build(input_shape)

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Fuses `embeddings`."""
        e = tf.reshape(embeddings, (-1, self._width))
        return tf.reshape(self._combine(e, self.up(self.down(e))), self._shape)

    @abc.abstractmethod
    def _combine(self, e: tf.Tensor, mixed: tf.Tensor) -> tf.Tensor:
        """The output, of e and m, all [batch, N * d]."""

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "activation": keras.activations.serialize(self.activation),
        }


@keras.utils.register_keras_serializable(package="moc_tf")
class SelfGatingFusion(BottleneckFusion):
    """Scales every dimension of the code embeddings by a gate that sees them all.

    With e in R^{N d} the concatenation of the N embeddings:

        g = sigmoid(W_up phi(W_down e))
        output = g * e, split back into N embeddings

    Source: Zhang et al., "Towards Scalable Semantic Representation for
    Recommendation", arXiv:2410.09560. Equation 8 has no phi (`activation=None`);
    Figure 6 draws one, and ReLU is our default. As in the equation, there are no
    biases: the gate of an all-zero e is one half. The paper does not tell the width of
    the bottleneck.

    Args:
      See `BottleneckFusion`, also for shapes, errors and number of parameters.
    """

    _up_activation = "sigmoid"

    def _combine(self, e: tf.Tensor, mixed: tf.Tensor) -> tf.Tensor:
        return mixed * e


@keras.utils.register_keras_serializable(package="moc_tf")
class ResidualFusion(BottleneckFusion):
    """Adds to the code embeddings what a bottleneck makes of them all.

    With e in R^{N d} the concatenation of the N embeddings:

        output = e + W_up phi(W_down e), split back into N embeddings

    An ablation of ours: it mixes as `SelfGatingFusion` does, with as many parameters,
    but can also move an embedding to where a gate cannot scale it.

    Args:
      See `BottleneckFusion`, also for shapes, errors and number of parameters.
    """

    def _combine(self, e: tf.Tensor, mixed: tf.Tensor) -> tf.Tensor:
        return e + mixed


@keras.utils.register_keras_serializable(package="moc_tf")
class ConcatMLPFusion(BottleneckFusion):
    """Replaces the code embeddings by what an MLP makes of their concatenation.

    With e in R^{N d} the concatenation of the N embeddings:

        output = W_up phi(W_down e), split back into N embeddings

    An ablation: all that reaches the ranker has passed the bottleneck. How the MLP of
    an ablation should look is our choice: one hidden layer of the width that
    `SelfGatingFusion` has, no biases, and a linear output, so that both have the same
    weights and differ by the gate alone.

    Args:
      See `BottleneckFusion`, also for shapes, errors and number of parameters.
    """

    def _combine(self, e: tf.Tensor, mixed: tf.Tensor) -> tf.Tensor:
        return mixed
