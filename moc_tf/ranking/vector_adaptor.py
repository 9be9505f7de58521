"""From a raw vector to the embeddings of several fields."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import layer_checks


@keras.utils.register_keras_serializable(package="moc_tf")
class VectorAdaptor(keras.layers.Layer):
    """N small MLPs, side by side, each of which makes one field of a raw vector.

        z = (x - mean) / scale
        output_n = V_n relu(W_n z + a_n) + b_n,    W_n in R^{h x X}, V_n in R^{d x h}

    The way to give a ranker vectors without codes, and the control that codes are
    compared with at equal number of fields. A new item needs its vector alone. Vectors
    are standardised in float32, whatever the precision of the model. Parameters:
    N * ((X + 1) * h + (h + 1) * d).

    Example:
      >>> layer = VectorAdaptor(num_fields=7, embedding_dim=16)
      >>> layer(tf.zeros([2, 768])).shape
      TensorShape([2, 7, 16])

    Args:
      num_fields: N.
      embedding_dim: d, the size of an embedding.
      hidden_units: h; None is 4 * d, so that the hidden layer is wider than what it
        feeds, and parameters grow with X alone, not with its square.
      mean: X numbers, subtracted; () for none.
      scale: divided by.

    Call arguments:
      vectors: floats [batch, X] with X known, of any precision.

    Returns:
      float32 [batch, num_fields, embedding_dim].

    Raises:
      ValueError: if a size is below 1, or `vectors` are not floats or have another
        shape.
    """

    def __init__(
        self,
        num_fields: int,
        embedding_dim: int,
        hidden_units: int | None = None,
        mean: Sequence[float] = (),
        scale: float = 1.0,
        **kwargs: Any,
    ):
        # Half precision would round the vectors before they are centred.
        super().__init__(autocast=False, **kwargs)
        if not scale > 0:
            raise ValueError(f"scale must be above 0. Received: {scale}.")
        self.num_fields = layer_checks.integer(self, "num_fields", num_fields)
        self.embedding_dim = layer_checks.integer(self, "embedding_dim", embedding_dim)
        self.hidden_units = layer_checks.optional_integer(
            self, "hidden_units", hidden_units
        )
        self.mean = tuple(mean)
        self.scale = scale

    def build(self, input_shape: Any) -> None:
        """Creates the weights of the N MLPs, each kind in one."""
        shape = tf.TensorShape(input_shape)
        if shape.rank != 2 or shape[1] is None or len(self.mean) not in (0, shape[1]):
            width = len(self.mean) or "X"
            raise ValueError(
                f"Layer {self.name!r} expects vectors of shape [batch, {width}], with "
                f"a known number of dimensions. Received: shape {shape}."
            )
        self._center = np.array(self.mean or np.zeros(shape[1]), np.float32)
        h = self.hidden_units or 4 * self.embedding_dim
        self.hidden_kernel = self._kernel("hidden_kernel", shape[1], h)
        self.hidden_bias = self._bias("hidden_bias", h)
        self.output_kernel = self._kernel("output_kernel", h, self.embedding_dim)
        self.output_bias = self._bias("output_bias", self.embedding_dim)
        super().build(input_shape)

    def _kernel(self, name: str, inputs: int, outputs: int) -> tf.Variable:
        # Glorot's limit of one MLP, which the N kernels as one would not have.
        limit = float(np.sqrt(6 / (inputs + outputs)))
        return self.add_weight(
            name=name,
            shape=(self.num_fields, inputs, outputs),
            initializer=keras.initializers.RandomUniform(-limit, limit),
        )

    def _bias(self, name: str, outputs: int) -> tf.Variable:
        shape = (self.num_fields, 1, outputs)
        return self.add_weight(name=name, shape=shape, initializer="zeros")

    def call(self, vectors: tf.Tensor) -> tf.Tensor:
        """Maps `vectors`."""
        if not vectors.dtype.is_floating:
            raise ValueError(
                f"Layer {self.name!r} expects vectors of floats. Received: "
                f"{vectors.dtype.name}."
            )
        z = (tf.cast(vectors, tf.float32) - self._center) / self.scale
        z = tf.cast(z, self.compute_dtype)
        hidden = tf.nn.relu(tf.matmul(z, self.hidden_kernel) + self.hidden_bias)
        output = tf.matmul(hidden, self.output_kernel) + self.output_bias
        return tf.transpose(output, [1, 0, 2])

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "num_fields": self.num_fields,
            "embedding_dim": self.embedding_dim,
            "hidden_units": self.hidden_units,
            "mean": list(self.mean),
            "scale": self.scale,
        }
