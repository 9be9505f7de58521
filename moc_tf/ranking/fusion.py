"""Fusion of an item's code embeddings: [batch, N, d] -> [batch, N, d]."""

from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import choices


@keras.utils.register_keras_serializable(package="moc_tf")
class SelfGatingFusion(keras.layers.Layer):
    """Scales every dimension of the code embeddings by a gate that sees them all.

    With e in R^{N d} the concatenation of the N embeddings:

        g = sigmoid(W_up phi(W_down e))
        output = g * e, split back into N embeddings

    Source: Zhang et al., "Towards Scalable Semantic Representation for
    Recommendation", arXiv:2410.09560. Equation 8 has no phi (`activation=None`);
    Figure 6 draws one, and ReLU is our default. As in the equation, there are no
    biases: the gate of an all-zero e is one half. The paper does not tell the width of
    the bottleneck. Parameters: 2 * N * d * hidden_units.

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

    def __init__(
        self,
        hidden_units: int | None = None,
        activation: Any = "relu",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if hidden_units is not None and hidden_units < 1:
            raise ValueError(
                f"hidden_units must be at least 1, or None. Received: {hidden_units}."
            )
        self.hidden_units = hidden_units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: Any) -> None:
        """Creates W_down and W_up."""
        shape = tf.TensorShape(input_shape)
        if shape.rank != 3 or None in shape[1:].as_list():
            raise ValueError(
                f"Layer {self.name!r} expects embeddings of shape [batch, N, d], with "
                f"N and d known. Received: shape {shape}."
            )
        self._shape = (-1, shape[1], shape[2])
        self._width = shape[1] * shape[2]
        self.down = keras.layers.Dense(
            self.hidden_units or max(1, self._width // 4),
            activation=self.activation,
            use_bias=False,
            name="down",
        )
        self.up = keras.layers.Dense(
            self._width, activation="sigmoid", use_bias=False, name="up"
        )
        super().build(input_shape)

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Gates `embeddings`."""
        e = tf.reshape(embeddings, (-1, self._width))
        return tf.reshape(self.up(self.down(e)) * e, self._shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "activation": keras.activations.serialize(self.activation),
        }


_FUSIONS = {"none": keras.layers.Identity, "self_gating": SelfGatingFusion}


def get(identifier: Any) -> keras.layers.Layer:
    """The fusion layer that `identifier` stands for.

    Args:
      identifier: "none" or None, which leaves the embeddings as they are;
        "self_gating"; any layer [batch, N, d] -> [batch, N, d]; or the configuration
        of one, as `keras.layers.serialize` gives it.

    Raises:
      ValueError: if it is none of these.
    """
    return choices.get("none" if identifier is None else identifier, _FUSIONS, "fusion")
