"""The compressed interaction network: products of ever more fields."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import layer_checks


@keras.utils.register_keras_serializable(package="moc_tf")
class CompressedInteraction(keras.layers.Layer):
    """Layers of weighted sums of element-wise products with the fields.

    With X^0 the F embeddings, layer k has cin_units[k - 1] vectors of size d:

        X^k_h = sum_{i,j} W^k_{hij} (X^{k-1}_i * X^0_j)

    and the output is the sum over d of every vector of every layer. There are neither
    biases nor activations, as in the paper. Parameters, with H_0 = F and widths
    H_1, ..., H_L: sum_k H_k H_{k-1} F.

    Source: Lian et al., "xDeepFM: Combining Explicit and Implicit Feature Interactions
    for Recommender Systems", arXiv:1803.05170, Equations 6 and 8.

    Args:
      cin_units: H_1, ..., H_L, at least one.

    Call arguments:
      embeddings: float32 [batch, F, d], with F and d known.

    Returns:
      float32 [batch, H_1 + ... + H_L].
    """

    def __init__(self, cin_units: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.cin_units = layer_checks.integers(self, "cin_units", cin_units, length=1)
        self.compress = [
            keras.layers.Dense(units, use_bias=False, dtype=self.dtype_policy.name)
            for units in self.cin_units
        ]

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Sums of the vectors of all layers."""
        num_fields, dim = layer_checks.fields(self, embeddings.shape)
        fields = vectors = tf.transpose(embeddings, (0, 2, 1))
        sums = []
        for compress in self.compress[:-1]:
            pairs = vectors[..., :, tf.newaxis] * fields[..., tf.newaxis, :]
            size = vectors.shape[-1] * num_fields
            vectors = compress(tf.reshape(pairs, (-1, dim, size)))
            sums.append(tf.reduce_sum(vectors, axis=1))
        # Nothing reads the last layer's vectors, so that the sum over d may come first
        # and leave d times less to compress.
        pairs = tf.matmul(vectors, fields, transpose_a=True)
        size = vectors.shape[-1] * num_fields
        sums.append(self.compress[-1](tf.reshape(pairs, (-1, size))))
        return tf.concat(sums, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "cin_units": list(self.cin_units)}
