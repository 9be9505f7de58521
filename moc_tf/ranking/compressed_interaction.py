"""The compressed interaction network: products of ever more fields."""

from collections.abc import Sequence
from typing import Any

import numpy as np
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
            keras.layers.Dense(
                units,
                use_bias=False,
                dtype=self.dtype_policy.name,
                name=f"compress_{layer}",
            )
            for layer, units in enumerate(self.cin_units)
        ]

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Sums of the vectors of all layers."""
        num_fields, dim = layer_checks.fields(self, embeddings.shape)
        fields = vectors = tf.transpose(embeddings, (0, 2, 1))
        sums = []
        for depth, compress in enumerate(self.compress[:-1]):
            if depth == 0:
                vectors = self._compressed_pairs(embeddings)
            else:
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

    def _compressed_pairs(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Vectors of the first layer, [batch, d, H_1].

        Its products are of the fields with themselves, so that i, j and j, i are one:
        half as many, with the sum of both weights. All products of a field with the one
        `shift` places on are made at once, from whole rows [batch, d].
        """
        num_fields, dim = layer_checks.fields(self, embeddings.shape)
        rows = tf.transpose(embeddings, (1, 0, 2))
        shifts = np.arange(num_fields // 2 + 1)
        pairs = tf.concat([rows * tf.roll(rows, -s, axis=0) for s in shifts], axis=0)
        i, j = np.arange(num_fields), np.arange(num_fields) + shifts[:, np.newaxis]
        # By these shifts each pair is met once, or both ways round.
        twice = (shifts == 0) | (2 * shifts == num_fields)
        share = np.repeat(np.where(twice, 0.5, 1.0), num_fields)[:, np.newaxis]

        compress = self.compress[0]
        if not compress.built:
            compress.build((None, num_fields**2))
        square = (num_fields, num_fields, compress.units)
        kernel = tf.reshape(compress.kernel, square)
        kernel += tf.transpose(kernel, (1, 0, 2))
        places = (i * num_fields + j % num_fields).ravel()
        kernel = tf.gather(tf.reshape(kernel, (-1, compress.units)), places)
        vectors = tf.matmul(
            tf.reshape(pairs, (len(places), -1)),
            kernel * tf.cast(share, kernel.dtype),
            transpose_a=True,
        )
        return tf.reshape(vectors, (-1, dim, compress.units))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "cin_units": list(self.cin_units)}
