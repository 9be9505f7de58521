"""IPNN: inner products of fields, and the fields themselves, into an MLP."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import layer_checks
from moc_tf.ranking.field_pairs import inner_products
from moc_tf.ranking.logit_mlp import LogitMLP


@keras.utils.register_keras_serializable(package="moc_tf")
class IPNN(keras.layers.Layer):
    """An MLP of the embeddings and the inner products of all their pairs.

        p = (<e_i, e_j>) over i < j
        logit = MLP(concat(embeddings, p))

    The paper compresses the first layer's weights of p to rank one; here they are full,
    as in FuxiCTR. A single field has no products and the MLP sees it alone.
    Parameters, with D = F * d and widths h_1, ..., h_n: those of an MLP
    D + F (F - 1) / 2 -> h_1 -> ... -> h_n -> 1.

    Source: Qu et al., "Product-based Neural Networks for User Response Prediction",
    arXiv:1611.00144, the inner product variant.

    Args:
      hidden_units: widths of the MLP's ReLU layers; without any it is linear.

    Call arguments:
      embeddings: float32 [batch, F, d], with F and d known.

    Returns:
      Logits, float32 [batch].
    """

    linear_term = False

    def __init__(self, hidden_units: Sequence[int] = (256, 128, 64), **kwargs: Any):
        super().__init__(**kwargs)
        self.hidden_units = layer_checks.integers(self, "hidden_units", hidden_units)
        self.mlp = LogitMLP(self.hidden_units, dtype=self.dtype_policy.name)

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Logits of `embeddings`."""
        num_fields, dim = layer_checks.fields(self, embeddings.shape)
        fields = tf.reshape(embeddings, (-1, num_fields * dim))
        joined = tf.concat([fields, inner_products(embeddings)], axis=-1)
        return self.mlp(joined)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "hidden_units": list(self.hidden_units)}
