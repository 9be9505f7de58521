"""DLRM: inner products of fields, and some of the fields, into an MLP."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import layer_checks
from moc_tf.ranking.field_pairs import inner_products
from moc_tf.ranking.logit_mlp import LogitMLP


@keras.utils.register_keras_serializable(package="moc_tf")
class DLRM(keras.layers.Layer):
    """The top MLP of DLRM: inner products of all pairs of fields, joined with fields.

        p = (<e_i, e_j>) over i < j
        logit = MLP(concat(joined, p))

    The paper joins one field alone, which a bottom MLP makes of the numeric features,
    and embeddings of ids enter by their products only: name that field, or () for none.
    Products alone cannot say what a single field says, which costs a ranker of ids and
    codes much of its AUC. So every field is joined by default, and DLRM then is the
    function that `IPNN` is. Parameters, with m joined fields and widths h_1, ..., h_n:
    those of an MLP m * d + F (F - 1) / 2 -> h_1 -> ... -> h_n -> 1.

    Source: Naumov et al., "Deep Learning Recommendation Model for Personalization and
    Recommendation Systems", arXiv:1906.00091, Section 2.1.

    Args:
      joined_fields: positions of the joined fields, from 0; None is all of them.
      hidden_units: widths of the MLP's ReLU layers; without any it is linear.

    Call arguments:
      embeddings: float32 [batch, F, d], with F and d known.

    Returns:
      Logits, float32 [batch].

    Raises:
      ValueError: if there is no field at a position, or neither a joined field nor a
        pair of fields.
    """

    linear_term = False

    def __init__(
        self,
        joined_fields: Sequence[int] | None = None,
        hidden_units: Sequence[int] = (256, 128, 64),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.joined_fields = layer_checks.optional_integers(
            self, "joined_fields", joined_fields, least=0
        )
        self.hidden_units = layer_checks.integers(self, "hidden_units", hidden_units)
        self.mlp = LogitMLP(self.hidden_units, dtype=self.dtype_policy.name)

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Logits of `embeddings`."""
        least = 2 if self.joined_fields == () else 1
        num_fields, dim = layer_checks.fields(self, embeddings.shape, least)
        if self.joined_fields is None:
            joined = [tf.reshape(embeddings, (-1, num_fields * dim))]
        elif set(self.joined_fields) <= set(range(num_fields)):
            joined = [embeddings[:, position] for position in self.joined_fields]
        else:
            raise ValueError(
                "joined_fields of DLRM must be positions of fields, from 0 to "
                f"{num_fields - 1}. Received: {self.joined_fields}."
            )
        joined.append(inner_products(embeddings))
        return self.mlp(tf.concat(joined, axis=-1))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        joined = self.joined_fields
        return {
            **super().get_config(),
            "joined_fields": None if joined is None else list(joined),
            "hidden_units": list(self.hidden_units),
        }
