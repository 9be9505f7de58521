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
        self._head_dim = self.attention_dim // self.num_heads
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
        # Products of every example's own matrices are slow, and transposing for them
        # slower still. With <W_q e_i, W_k e_j> = <(W_k^T W_q) e_i, e_j> there are two,
        # with the embeddings as they lie: [batch, F, d], once for all heads.
        dim, heads = embeddings.shape[-1], self.num_heads
        of_heads = (dim, heads, self._head_dim)
        query, key, value = (tf.reshape(each, of_heads) for each in self.kernels[:3])
        flat = tf.reshape(embeddings, (-1, dim))
        pulls = tf.reshape(tf.einsum("xhs,yhs->xhy", query, key), (dim, heads * dim))
        pulled = tf.reshape(tf.matmul(flat, pulls), (-1, self._num_fields * heads, dim))
        # [batch, j, (i, h)]
        weights = _softmax_of_columns(tf.matmul(embeddings, pulled, transpose_b=True))
        mixed = tf.matmul(weights, embeddings, transpose_a=True)
        mixed = tf.reshape(mixed, (-1, heads * dim))
        # W_v of each head in a block of the diagonal, so that it reads its own alone.
        blocks = tf.einsum("xhs,hg->hxgs", value, tf.eye(heads, dtype=value.dtype))
        blocks = tf.reshape(blocks, (heads * dim, self.attention_dim))
        output = tf.matmul(mixed, blocks)
        output += tf.matmul(flat, self.kernels[3]) if self.kernels[3:] else flat
        shape = (-1, self._num_fields, self.attention_dim)
        return tf.nn.relu(tf.reshape(output, shape))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "attention_dim": self.attention_dim,
            "num_heads": self.num_heads,
        }


@tf.custom_gradient
def _softmax_of_columns(scores: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """Softmax over the middle axis of [batch, rows, columns].

    TensorFlow's is over the last axis, and takes one short row after the other where
    this takes whole rows side by side.
    """
    powers = tf.exp(scores - tf.reduce_max(scores, axis=1, keepdims=True))
    weights = powers / tf.reduce_sum(powers, axis=1, keepdims=True)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        mean = tf.reduce_sum(upstream * weights, axis=1, keepdims=True)
        return (upstream - mean) * weights

    return weights, gradient
