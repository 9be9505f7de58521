"""DLRM: inner products of fields, and the numeric fields, into an MLP."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import layer_checks
from moc_tf.ranking.field_pairs import inner_products
from moc_tf.ranking.logit_mlp import LogitMLP


@keras.utils.register_keras_serializable(package="moc_tf")
class DLRM(keras.layers.Layer):
    """The top MLP of DLRM: inner products of all pairs of fields, and numeric fields.

        p = (<e_i, e_j>) over i < j
        logit = MLP(concat(joined, p))

    The paper joins one field, which a bottom MLP makes of the numeric features;
    embeddings of ids enter by their products alone. Name the fields that are numeric.

    Without numeric features the bottom MLP has no input, and its output is a constant
    vector, which is learned: e_0, one more field of the products. It is not joined,
    where it would only add to the MLP's biases. That is the default, since rankers of
    ids and codes need it: <e_0, e_i> is all that a field says by itself. A product of
    two ids is zero, and so is its gradient, as long as both embeddings are; tables
    start near that point, and their rows of rare ids stay there.

    With all fields joined, DLRM is the function that `IPNN` is. Parameters, with m
    joined fields and widths h_1, ..., h_n: those of an MLP
    m * d + F (F - 1) / 2 -> h_1 -> ... -> h_n -> 1; by default d for e_0 and those of
    F (F + 1) / 2 -> h_1 -> ... -> h_n -> 1.

    Source: Naumov et al., "Deep Learning Recommendation Model for Personalization and
    Recommendation Systems", arXiv:1906.00091, Section 2.1. How it does without numeric
    features is our reading.

    Args:
      joined_fields: positions of the numeric fields, from 0; None if there are none and
        e_0 stands for them; () for products alone, without e_0.
      hidden_units: widths of the MLP's ReLU layers; without any it is linear.

    Call arguments:
      embeddings: float32 [batch, F, d], with F and d known.

    Returns:
      Logits, float32 [batch].

    Raises:
      ValueError: if there is no field at a position, or no pair of fields and nothing
        beside it.
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

    def build(self, input_shape: Any) -> None:
        """Creates e_0, if it is needed."""
        least = 2 if self.joined_fields == () else 1
        num_fields, dim = layer_checks.fields(self, input_shape, least)
        if not set(self.joined_fields or ()) <= set(range(num_fields)):
            raise ValueError(
                "joined_fields of DLRM must be positions of fields, from 0 to "
                f"{num_fields - 1}. Received: {self.joined_fields}."
            )
        self.constant: Any = None
        if self.joined_fields is None:
            self.constant = self.add_weight(
                name="constant",
                shape=(dim,),
                # Of length 1: its products are as large as the embeddings, not smaller.
                initializer=keras.initializers.RandomNormal(stddev=dim**-0.5),
            )
        super().build(input_shape)

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Logits of `embeddings`."""
        if self.constant is not None:
            first = tf.zeros_like(embeddings[:, :1]) + self.constant
            embeddings = tf.concat([first, embeddings], axis=1)
        joined = [embeddings[:, position] for position in self.joined_fields or ()]
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
