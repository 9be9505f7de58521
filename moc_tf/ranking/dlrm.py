"""DLRM: inner products of fields into an MLP."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from moc_tf._keras import keras
from moc_tf.ranking import layer_checks
from moc_tf.ranking.field_pairs import inner_products


@keras.utils.register_keras_serializable(package="moc_tf")
class DLRM(keras.layers.Layer):
    """The top MLP of DLRM: it sees the fields by the inner products of their pairs.

        p = (<e_i, e_j>) over i < j
        logit = MLP(concat(joined, p))

    `joined` is what a bottom MLP makes of the numeric features: it is one of the fields
    and alone is joined to the products. The embeddings of ids are not, neither in the
    paper nor in TFRS; with them it would be `IPNN`. So, of embeddings of ids and codes
    alone, the MLP gets the products and nothing else. Parameters, with m joined fields
    and widths h_1, ..., h_n: those of an MLP
    m * d + F (F - 1) / 2 -> h_1 -> ... -> h_n -> 1.

    Source: Naumov et al., "Deep Learning Recommendation Model for Personalization and
    Recommendation Systems", arXiv:1906.00091, Section 2.1.

    Args:
      joined_fields: positions of the fields that a bottom MLP made, from 0.
      hidden_units: widths of the MLP's ReLU layers; without any it is linear.

    Call arguments:
      embeddings: float32 [batch, F, d], with F and d known and at least two fields.

    Returns:
      Logits, float32 [batch].

    Raises:
      ValueError: if there is a single field, or none at a position.
    """

    linear_term = False

    def __init__(
        self,
        joined_fields: Sequence[int] = (),
        hidden_units: Sequence[int] = (256, 128, 64),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.joined_fields = layer_checks.integers(
            self, "joined_fields", joined_fields, least=0
        )
        self.hidden_units = layer_checks.integers(self, "hidden_units", hidden_units)
        self.mlp = tfrs.layers.blocks.MLP([*self.hidden_units, 1])

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Logits of `embeddings`."""
        num_fields, _ = layer_checks.fields(self, embeddings.shape, least=2)
        if not set(self.joined_fields) <= set(range(num_fields)):
            raise ValueError(
                "joined_fields of DLRM must be positions of fields, from 0 to "
                f"{num_fields - 1}. Received: {self.joined_fields}."
            )
        joined = [embeddings[:, position] for position in self.joined_fields]
        joined.append(inner_products(embeddings))
        return tf.squeeze(self.mlp(tf.concat(joined, axis=-1)), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "joined_fields": list(self.joined_fields),
            "hidden_units": list(self.hidden_units),
        }
