"""DeepFM: pairs of fields, and an MLP."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import layer_checks
from moc_tf.ranking.field_pairs import factorization_machine
from moc_tf.ranking.logit_mlp import LogitMLP


@keras.utils.register_keras_serializable(package="moc_tf")
class DeepFM(keras.layers.Layer):
    """A factorization machine and an MLP on the same embeddings, added up.

        logit = w_0 + sum_i w_i + sum_{i<j} <e_i, e_j> + MLP(concat(embeddings))

    The w_i need ids, so the ranker adds them (`linear_term`): one more weight a row of
    every table. w_0 is the factorization machine's own; the MLP's output unit has
    another, and only their sum counts. Parameters, with D = F * d and widths
    h_1, ..., h_n: 1 + those of an MLP D -> h_1 -> ... -> h_n -> 1.

    Source: Guo et al., "DeepFM: A Factorization-Machine based Neural Network for CTR
    Prediction", arXiv:1703.04247. The paper leaves w_0 out; FuxiCTR has it.

    Args:
      hidden_units: widths of the MLP's ReLU layers; without any it is linear.

    Call arguments:
      embeddings: float32 [batch, F, d].

    Returns:
      Logits without the linear term, float32 [batch].
    """

    linear_term = True

    def __init__(self, hidden_units: Sequence[int] = (256, 128, 64), **kwargs: Any):
        super().__init__(**kwargs)
        self.hidden_units = layer_checks.integers(self, "hidden_units", hidden_units)
        self.mlp = LogitMLP(self.hidden_units, dtype=self.dtype_policy.name)

    def build(self, input_shape: Any) -> None:
        """Creates w_0."""
        num_fields, dim = layer_checks.fields(self, input_shape)
        self._width = num_fields * dim
        self.bias = self.add_weight(
            name="bias", shape=(), initializer="zeros", experimental_autocast=False
        )
        super().build(input_shape)

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Logits of `embeddings`."""
        deep = self.mlp(tf.reshape(embeddings, (-1, self._width)))
        pairs = factorization_machine(embeddings)
        return self.bias + pairs + deep

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "hidden_units": list(self.hidden_units)}
