"""Self-attention between the fields of an example."""

from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import layer_checks


@keras.utils.register_keras_serializable(package="moc_tf")
class FieldAttention(keras.layers.Layer):
    """Every field becomes a mixture of all fields, added to itself.

    For each head, with the head's slices of query q, key k and value v of size
    attention_dim / num_heads:

        a_ij = softmax_j(<W_q e_i, W_k e_j>)
        output_i = ReLU(concat_heads(sum_j a_ij W_v e_j) + W_res e_i)

    There is no scaling of the products, as in the paper, and there are no biases.
    W_res is the identity where attention_dim = d, as in FuxiCTR; the paper has a matrix
    there too. Parameters: 3 d * attention_dim, and d * attention_dim more for W_res.

    Source: Song et al., "AutoInt: Automatic Feature Interaction Learning via
    Self-Attentive Neural Networks", arXiv:1810.11921, Equations 5 to 8.

    Args:
      attention_dim: size of an output, all heads together.
      num_heads: a divisor of `attention_dim`.

    Call arguments:
      embeddings: float32 [batch, F, d], with F and d known.

    Returns:
      float32 [batch, F, attention_dim].
    """

    def __init__(self, attention_dim: int, num_heads: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.attention_dim = layer_checks.integer(self, "attention_dim", attention_dim)
        self.num_heads = layer_checks.integer(self, "num_heads", num_heads)
        if attention_dim % num_heads:
            raise ValueError(
                "attention_dim is split between the heads, so num_heads must divide "
                f"it. Received: attention_dim={attention_dim}, num_heads={num_heads}."
            )

    def build(self, input_shape: Any) -> None:
        """Creates the matrices."""
        self._num_fields, dim = layer_checks.fields(self, input_shape)
        self._heads = (
            -1,
            self._num_fields,
            self.num_heads,
            self.attention_dim // self.num_heads,
        )
        names = ["query", "key", "value"]
        if dim != self.attention_dim:
            names.append("residual")
        self.kernels = [
            self.add_weight(name=name, shape=(dim, self.attention_dim))
            for name in names
        ]
        super().build(input_shape)

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Attends."""
        # One product for all matrices and heads: theirs are too small to be quick.
        projected = tf.matmul(
            tf.reshape(embeddings, (-1, embeddings.shape[-1])),
            tf.concat(self.kernels, axis=1),
        )
        shape = (-1, self._num_fields, len(self.kernels), self.attention_dim)
        query, key, value, *residual = tf.unstack(tf.reshape(projected, shape), axis=2)
        query, key, value = (
            tf.reshape(each, self._heads) for each in (query, key, value)
        )
        weights = tf.nn.softmax(tf.einsum("bihs,bjhs->bhij", query, key))
        mixed = tf.einsum("bhij,bjhs->bihs", weights, value)
        mixed = tf.reshape(mixed, (-1, self._num_fields, self.attention_dim))
        return tf.nn.relu(mixed + (residual[0] if residual else embeddings))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "attention_dim": self.attention_dim,
            "num_heads": self.num_heads,
        }
