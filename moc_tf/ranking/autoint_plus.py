"""AutoInt+: self-attention between the fields, and an MLP."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import layer_checks
from moc_tf.ranking.field_attention import FieldAttention
from moc_tf.ranking.logit_mlp import LogitMLP, logit_unit


@keras.utils.register_keras_serializable(package="moc_tf")
class AutoIntPlus(keras.layers.Layer):
    """Layers of self-attention and an MLP on the same embeddings, added up.

        logit = sum_i w_i + w . concat(attention(embeddings)) + b
                + MLP(concat(embeddings))

    The w_i need ids, so the ranker adds them (`linear_term`); the paper has none,
    FuxiCTR has them as its wide part. Parameters, with D = F * d, L layers of size a
    and widths h_1, ..., h_n: 3 d a + 3 (L - 1) a², d a more unless a = d,
    (F a + 1) + those of an MLP D -> h_1 -> ... -> h_n -> 1.

    Source: Song et al., "AutoInt: Automatic Feature Interaction Learning via
    Self-Attentive Neural Networks", arXiv:1810.11921; the MLP is Section 5.5.

    Args:
      num_attention_layers: L.
      attention_dim: a, the size of a field in them, all heads together.
      num_heads: a divisor of `attention_dim`.
      hidden_units: widths of the MLP's ReLU layers; without any it is linear.

    Call arguments:
      embeddings: float32 [batch, F, d].

    Returns:
      Logits without the linear term, float32 [batch].
    """

    linear_term = True

    def __init__(
        self,
        num_attention_layers: int = 2,
        attention_dim: int = 16,
        num_heads: int = 2,
        hidden_units: Sequence[int] = (256, 128, 64),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        depth = layer_checks.integer(self, "num_attention_layers", num_attention_layers)
        self.hidden_units = layer_checks.integers(self, "hidden_units", hidden_units)
        precision = self.dtype_policy.name
        self.attention = [
            FieldAttention(
                attention_dim, num_heads, dtype=precision, name=f"attention_{layer}"
            )
            for layer in range(depth)
        ]
        self.output_unit = logit_unit()
        self.mlp = LogitMLP(self.hidden_units, dtype=precision)

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Logits of `embeddings`."""
        num_fields, dim = layer_checks.fields(self, embeddings.shape)
        attended = embeddings
        for layer in self.attention:
            attended = layer(attended)
        size = num_fields * self.attention[-1].attention_dim
        explicit = self.output_unit(tf.reshape(attended, (-1, size)))
        deep = self.mlp(tf.reshape(embeddings, (-1, num_fields * dim)))
        return tf.squeeze(explicit, axis=-1) + deep

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "num_attention_layers": len(self.attention),
            "attention_dim": self.attention[0].attention_dim,
            "num_heads": self.attention[0].num_heads,
            "hidden_units": list(self.hidden_units),
        }
