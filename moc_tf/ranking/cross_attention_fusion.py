"""Fusion by attention of the code embeddings to one another."""

from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import layer_checks


@keras.utils.register_keras_serializable(package="moc_tf")
class CrossAttentionFusion(keras.layers.Layer):
    """Adds to each code embedding what it finds in the others by attention.

    With e_n in R^d the embeddings, H heads of size k and sums over m = 1 .. N:

        a_hnm = softmax_m( (W_h^Q e_n)' (W_h^K e_m) / sqrt(k) )
        output_n = e_n + sum_h W_h^O sum_m a_hnm W_h^V e_m

    An ablation; these are our choices. A code attends to all codes, itself too.
    Nothing tells the codebooks apart but their embeddings, each from a table of its
    own, so there are no positions. There is no layer normalisation, which would blow
    embeddings up that start small for a reason, and no biases, as in the other
    fusions. Unlike theirs, its weights are shared by the codes, so that their number
    does not depend on N. Parameters: 4 * num_heads * key_dim * d.

    Args:
      num_heads: H.
      key_dim: k, size of a head; None is d // num_heads, and at least 1.

    Call arguments:
      embeddings: float32 [batch, N, d], with N and d known.

    Returns:
      float32 [batch, N, d].

    Raises:
      ValueError: if `embeddings` have another shape.
    """

    def __init__(self, num_heads: int = 1, key_dim: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_heads = layer_checks.integer(self, "num_heads", num_heads)
        self.key_dim = layer_checks.optional_integer(self, "key_dim", key_dim)

    def build(self, input_shape: Any) -> None:
        """Creates the attention."""
        _, dim = layer_checks.fields(self, input_shape)
        self.attention = keras.layers.MultiHeadAttention(
            self.num_heads,
            self.key_dim or max(1, dim // self.num_heads),
            use_bias=False,
            dtype=self.dtype_policy,
            name="attention",
        )
        super().build(input_shape)

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Fuses `embeddings`."""
        return embeddings + self.attention(embeddings, embeddings)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
        }
