"""xDeepFM: a compressed interaction network, and an MLP."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import layer_checks
from moc_tf.ranking.compressed_interaction import CompressedInteraction
from moc_tf.ranking.logit_mlp import LogitMLP, logit_unit


@keras.utils.register_keras_serializable(package="moc_tf")
class XDeepFM(keras.layers.Layer):
    """A compressed interaction network and an MLP on the same embeddings, added up.

        logit = sum_i w_i + w . CIN(embeddings) + MLP(concat(embeddings))

    The w_i need ids, so the ranker adds them (`linear_term`). The one bias is that of
    the MLP's output unit. Parameters, with D = F * d, H_0 = F, CIN widths H_1, ..., H_L
    and MLP widths h_1, ..., h_n: sum_k (H_k H_{k-1} F + H_k) + those of an MLP
    D -> h_1 -> ... -> h_n -> 1.

    Source: Lian et al., "xDeepFM: Combining Explicit and Implicit Feature Interactions
    for Recommender Systems", arXiv:1803.05170, Equation 9.

    Args:
      cin_units: widths of the compressed interaction network, at least one.
      hidden_units: widths of the MLP's ReLU layers; without any it is linear.

    Call arguments:
      embeddings: float32 [batch, F, d].

    Returns:
      Logits without the linear term, float32 [batch].
    """

    linear_term = True

    def __init__(
        self,
        cin_units: Sequence[int] = (64, 64),
        hidden_units: Sequence[int] = (256, 128, 64),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.hidden_units = layer_checks.integers(self, "hidden_units", hidden_units)
        precision = self.dtype_policy.name
        self.cin = CompressedInteraction(cin_units, dtype=precision, name="cin")
        self.output_unit = logit_unit(use_bias=False)
        self.mlp = LogitMLP(self.hidden_units, dtype=precision)

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Logits of `embeddings`."""
        num_fields, dim = layer_checks.fields(self, embeddings.shape)
        explicit = self.output_unit(self.cin(embeddings))
        deep = self.mlp(tf.reshape(embeddings, (-1, num_fields * dim)))
        return tf.squeeze(explicit, axis=-1) + deep

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "cin_units": list(self.cin.cin_units),
            "hidden_units": list(self.hidden_units),
        }
