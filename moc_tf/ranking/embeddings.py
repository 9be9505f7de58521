"""Embedding tables: of categorical fields, and of semantic IDs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import layer_checks

# Small, so that a row which training never reached says next to nothing.
INITIAL_STDDEV = 0.01


@keras.utils.register_keras_serializable(package="moc_tf")
class FieldEmbeddings(keras.layers.Layer):
    """Embeds F categorical fields, each with a table of its own.

    The tables are stacked into one weight, `embeddings`, float32
    [sum(vocabulary_sizes), embedding_dim], so that a step makes one gather and one
    sparse update instead of F. Its gradient is a `tf.IndexedSlices` of the gathered
    rows. Parameters: sum(vocabulary_sizes) * embedding_dim.

    Example:
      >>> layer = FieldEmbeddings([1000, 50], embedding_dim=16)
      >>> layer(tf.constant([[3, 0], [999, 49]])).shape
      TensorShape([2, 2, 16])

    Args:
      vocabulary_sizes: number of ids of each field.
      embedding_dim: d, the size of an embedding.
      embeddings_initializer: of the weight; None is a normal distribution with
        standard deviation 0.01.

    Call arguments:
      ids: integers [batch, F]; the ids of field f lie in [0, vocabulary_sizes[f]).

    Returns:
      float32 [batch, F, embedding_dim].

    Raises:
      ValueError: if `ids` are not integers or have another shape.
      tf.errors.InvalidArgumentError: if an id lies outside its field. XLA drops this
        check, as it drops every assertion.
    """

    # What layers of codes do otherwise.
    first_id = 0  # of every field
    tables_per_id = 1

    def __init__(
        self,
        vocabulary_sizes: Sequence[int],
        embedding_dim: int,
        embeddings_initializer: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.vocabulary_sizes = tuple(int(size) for size in vocabulary_sizes)
        if not self.vocabulary_sizes or min(self.vocabulary_sizes) < 1:
            raise ValueError(
                "vocabulary_sizes must hold at least one field, each of at least one "
                f"id. Received: {list(self.vocabulary_sizes)}."
            )
        self.embedding_dim = layer_checks.integer(self, "embedding_dim", embedding_dim)
        self.embeddings_initializer = keras.initializers.get(
            keras.initializers.RandomNormal(stddev=INITIAL_STDDEV)
            if embeddings_initializer is None
            else embeddings_initializer
        )
        self._sizes = np.array(self.vocabulary_sizes, np.int64)
        self._offsets = np.cumsum(self._sizes) - self._sizes

    def build(self, input_shape: Any) -> None:
        """Creates the weight."""
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(int(self._sizes.sum()), self.embedding_dim),
            initializer=self.embeddings_initializer,
        )
        super().build(input_shape)

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """Looks up `ids`."""
        num_tables = len(self.vocabulary_sizes)
        expected = (None, num_tables // self.tables_per_id)
        if not ids.dtype.is_integer or not ids.shape.is_compatible_with(expected):
            raise ValueError(
                f"Layer {self.name!r} has {num_tables} tables and expects integers of "
                f"shape [batch, {expected[1]}]. Received: {ids.dtype.name} of shape "
                f"{ids.shape}."
            )
        ids = tf.cast(tf.ensure_shape(ids, expected), tf.int64)
        with tf.control_dependencies([self._assert_inside(ids)]):
            rows = self._rows(ids)
        if self.tables_per_id > 1:
            rows = tf.repeat(rows, self.tables_per_id, axis=1)
        return tf.nn.embedding_lookup(self.embeddings, rows + self._offsets)

    def _rows(self, ids: tf.Tensor) -> tf.Tensor:
        """Rows of the fields' tables, int64 [batch, F], that `ids` stand for."""
        return ids - self.first_id

    def _end_ids(self) -> np.ndarray:
        """What the ids of each field must be less than: int64 [F]."""
        return self.first_id + self._sizes[:: self.tables_per_id]

    def _assert_inside(self, ids: tf.Tensor) -> tf.Tensor:
        """Fails if one of `ids` would read the rows of another field."""
        first, end = self.first_id, self._end_ids()
        inside = tf.reduce_all((ids >= first) & (ids < end))

        def explain() -> tf.Tensor:
            message = [
                # No quotes: TensorFlow escapes them.
                f"Layer {self.name} received an id outside its table. By field, ids "
                f"must be at least {first} and less than",
                end,
                "Received: from",
                tf.reduce_min(ids, axis=0),
                "up to",
                tf.reduce_max(ids, axis=0),
                "Were the data made with another vocabulary or code table?",
            ]
            tf.raw_ops.Assert(condition=inside, data=message, summarize=len(end))
            return inside

        # Only a failure pays for the figures in its message.
        return tf.cond(inside, lambda: inside, explain)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "vocabulary_sizes": list(self.vocabulary_sizes),
            "embedding_dim": self.embedding_dim,
            "embeddings_initializer": keras.initializers.serialize(
                self.embeddings_initializer
            ),
        }


@keras.utils.register_keras_serializable(package="moc_tf")
class SemanticIdEmbedding(FieldEmbeddings):
    """Embeds semantic IDs: every codebook has a table of its own, or several.

    A table has one row for each of the K codes and one, the first, for -1, an item
    without codes. Parameters: num_codebooks * tables_per_code * (codebook_size + 1) *
    embedding_dim.

    Source: Zhang et al., "Towards Scalable Semantic Representation for
    Recommendation", arXiv:2410.09560, which has no row for -1. Several tables a code
    are Multi-Embedding, which it compares with.

    Example:
      >>> layer = SemanticIdEmbedding(7, codebook_size=256, embedding_dim=16)
      >>> layer(tf.constant([[255, 0, 3, 9, 8, 1, 2], [-1] * 7])).shape
      TensorShape([2, 7, 16])

    Args:
      num_codebooks: N, codes of an item.
      codebook_size: K, different values of a code.
      embedding_dim: d, the size of an embedding.
      embeddings_initializer: of the weight; None is a normal distribution with
        standard deviation 0.01.
      tables_per_code: tables of each codebook, all different.

    Call arguments:
      codes: integers [batch, num_codebooks] in [-1, codebook_size).

    Returns:
      float32 [batch, num_codebooks * tables_per_code, embedding_dim]: first what all
      tables of the first codebook say, then those of the second, and so on.

    Raises:
      ValueError: if `codes` are not integers or have another shape.
      tf.errors.InvalidArgumentError: if a code lies outside [-1, codebook_size).
    """

    first_id = -1

    def __init__(
        self,
        num_codebooks: int,
        codebook_size: int,
        embedding_dim: int,
        embeddings_initializer: Any = None,
        tables_per_code: int = 1,
        **kwargs: Any,
    ):
        layer_checks.sizes(
            self,
            num_codebooks=num_codebooks,
            codebook_size=codebook_size,
            tables_per_code=tables_per_code,
        )
        super().__init__(
            [codebook_size + 1] * (num_codebooks * tables_per_code),
            embedding_dim,
            embeddings_initializer,
            **kwargs,
        )
        self.num_codebooks = num_codebooks
        self.codebook_size = codebook_size
        self.tables_per_code = self.tables_per_id = tables_per_code

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = super().get_config()
        del config["vocabulary_sizes"]
        return {
            **config,
            "num_codebooks": self.num_codebooks,
            "codebook_size": self.codebook_size,
            "tables_per_code": self.tables_per_code,
        }
