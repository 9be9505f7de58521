"""DeepFM: pairs of fields, and an MLP."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from moc_tf._keras import keras


def factorization_machine(embeddings: tf.Tensor) -> tf.Tensor:
    """Sum over all pairs of fields of the inner product of their embeddings.

    By sum_{i<j} <e_i, e_j> = ½ (||sum_i e_i||² - sum_i ||e_i||²), linear in F.

    Args:
      embeddings: float32 [batch, F, d].

    Returns:
      float32 [batch].
    """
    square_of_sum = tf.square(tf.reduce_sum(embeddings, axis=1))
    sum_of_squares = tf.reduce_sum(tf.square(embeddings), axis=1)
    return 0.5 * tf.reduce_sum(square_of_sum - sum_of_squares, axis=-1)


@keras.utils.register_keras_serializable(package="moc_tf")
class DeepFM(keras.layers.Layer):
    """A factorization machine and an MLP on the same embeddings, added up.

    The factorization machine's linear term needs ids, so the ranker adds it
    (`linear_term`): one more weight a row of every table. Its bias is that of the
    MLP's output unit. Parameters, with D = F * d and widths h_1, ..., h_n: those of an
    MLP D -> h_1 -> ... -> h_n -> 1.

    Source: Guo et al., "DeepFM: A Factorization-Machine based Neural Network for CTR
    Prediction", arXiv:1703.04247.

    Args:
      hidden_units: widths of the MLP's ReLU layers.

    Call arguments:
      embeddings: float32 [batch, F, d].

    Returns:
      Logits without the linear term, float32 [batch].
    """

    linear_term = True

    def __init__(self, hidden_units: Sequence[int] = (256, 128, 64), **kwargs: Any):
        super().__init__(**kwargs)
        self.hidden_units = tuple(hidden_units)
        self.mlp = tfrs.layers.blocks.MLP([*hidden_units, 1])

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Logits of `embeddings`."""
        _, num_fields, dim = embeddings.shape
        deep = self.mlp(tf.reshape(embeddings, (-1, num_fields * dim)))
        return factorization_machine(embeddings) + tf.squeeze(deep, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "hidden_units": list(self.hidden_units)}
