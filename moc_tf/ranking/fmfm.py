"""FmFM: a matrix for each pair of fields."""

from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import layer_checks


@keras.utils.register_keras_serializable(package="moc_tf")
class FmFM(keras.layers.Layer):
    """A factorization machine that sees each pair of fields through its own matrix.

        logit = w_0 + sum_i w_i + sum_{i<j} <e_i M_ij, e_j>

    The w_i need ids, so the ranker adds them (`linear_term`). There is no MLP. With
    identity matrices it is a factorization machine. Parameters:
    F (F - 1) / 2 * d² + 1.

    Source: Sun et al., "FM²: Field-matrixed Factorization Machines for Recommender
    Systems", arXiv:2102.12994.

    Call arguments:
      embeddings: float32 [batch, F, d], with F and d known and at least two fields.

    Returns:
      Logits without the linear term, float32 [batch].

    Raises:
      ValueError: if there is a single field, which is in no pair.
    """

    linear_term = True

    def build(self, input_shape: Any) -> None:
        """Creates the matrices and w_0."""
        num_fields, dim = layer_checks.fields(self, input_shape, least=2)
        first, second = np.triu_indices(num_fields, 1)
        self._places = (first * num_fields + second)[:, np.newaxis]
        self._shape = (num_fields, num_fields, dim, dim)
        # Keeps the norm of an embedding, as Glorot's initial value of one matrix does.
        initializer = keras.initializers.RandomNormal(stddev=dim**-0.5)
        self.matrices = self.add_weight(
            name="matrices", shape=(len(first), dim, dim), initializer=initializer
        )
        self.bias = self.add_weight(
            name="bias", shape=(), initializer="zeros", experimental_autocast=False
        )
        super().build(input_shape)

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Logits of `embeddings`."""
        num_fields, _, dim, _ = self._shape
        width = num_fields * dim
        # One product with a matrix whose blocks they are, zero on and below the
        # diagonal: many small products take longer than one of twice the work.
        blocks = tf.scatter_nd(
            tf.constant(self._places, tf.int32),
            tf.convert_to_tensor(self.matrices),
            (num_fields**2, dim, dim),
        )
        blocks = tf.transpose(tf.reshape(blocks, self._shape), (0, 2, 1, 3))
        fields = tf.reshape(embeddings, (-1, width))
        seen = tf.matmul(fields, tf.reshape(blocks, (width, width)))
        # In half precision a sum of many pairs would be rounded until logits tie.
        products = tf.cast(seen, tf.float32) * tf.cast(fields, tf.float32)
        return tf.reduce_sum(products, axis=-1) + self.bias
