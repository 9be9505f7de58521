"""Embeddings of features with any number of ids."""

from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.global_batch import global_mean
from moc_tf.ranking import layer_checks
from moc_tf.ranking.embeddings import FieldEmbeddings

_POOLINGS = {
    "mean": tf.math.unsorted_segment_mean,
    "sum": tf.math.unsorted_segment_sum,
}


@keras.utils.register_keras_serializable(package="moc_tf")
class BagEmbedding(FieldEmbeddings):
    """Embeds a bag of ids as the mean or the sum of their embeddings.

    The table has one row for each id and one, the first, for the empty bag. Padding is
    not looked up: the gradient of `embeddings` is a `tf.IndexedSlices` of the rows of
    the ids that are there. Parameters: (vocabulary_size + 1) * embedding_dim.

    Example:
      >>> layer = BagEmbedding(1000, embedding_dim=16)
      >>> layer(tf.constant([[3, 999, 3], [7, -1, -1], [-1, -1, -1]])).shape
      TensorShape([3, 1, 16])

    Args:
      vocabulary_size: number of ids.
      embedding_dim: d, the size of an embedding.
      embeddings_initializer: of the weight; None is a normal distribution with
        standard deviation 0.01.
      pooling: "mean" or "sum".
      embedding_l2: weight of an L2 penalty while training: the sum of the squares of
        the embeddings looked up for an example, averaged over the batch.

    Call arguments:
      ids: integers in [0, vocabulary_size), [batch, length] padded with -1, or a
        `tf.RaggedTensor` [batch, None]. An id that occurs twice counts twice.

    Returns:
      float32 [batch, 1, embedding_dim].

    Raises:
      ValueError: if `ids` are not integers or have another rank.
      tf.errors.InvalidArgumentError: if an id is at least vocabulary_size, or below -1.
    """

    first_id = -1

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int,
        embeddings_initializer: Any = None,
        pooling: str = "mean",
        embedding_l2: float = 0.0,
        **kwargs: Any,
    ):
        vocabulary_size = layer_checks.integer(self, "vocabulary_size", vocabulary_size)
        if pooling not in _POOLINGS:
            raise ValueError(
                f"pooling must be one of {sorted(_POOLINGS)}. Received: {pooling!r}."
            )
        super().__init__(
            [vocabulary_size + 1], embedding_dim, embeddings_initializer, **kwargs
        )
        self.vocabulary_size = vocabulary_size
        self.pooling = pooling
        self.embedding_l2 = embedding_l2

    def call(
        self, ids: tf.Tensor | tf.RaggedTensor, training: bool | None = None
    ) -> tf.Tensor:
        """Looks up and pools `ids`."""
        if ids.shape.rank != 2:
            raise ValueError(
                f"Layer {self.name!r} expects integers [batch, length], padded with "
                f"-1, or ragged. Received: {ids.dtype.name} of shape {ids.shape}."
            )
        values, bags, num_bags = _flat(ids)
        embedded = super().call(values[:, tf.newaxis])  # [values, 1, d]
        if training and self.embedding_l2:
            # In float32 under mixed precision too, as the loss that it is added to.
            squares = tf.reduce_sum(tf.square(tf.cast(embedded, tf.float32)), [1, 2])
            of_bag = tf.math.unsorted_segment_sum(squares, bags, num_bags)
            self.add_loss(self.embedding_l2 * global_mean(of_bag))
        # In half precision a long bag would add up to what its last ids cannot change.
        exact = tf.cast(embedded, self.variable_dtype)
        pooled = _POOLINGS[self.pooling](exact, bags, num_bags)
        return tf.cast(pooled, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = super().get_config()
        del config["vocabulary_sizes"]
        return {
            **config,
            "vocabulary_size": self.vocabulary_size,
            "pooling": self.pooling,
            "embedding_l2": self.embedding_l2,
        }


def _flat(
    ids: tf.Tensor | tf.RaggedTensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Ids without padding, the bag of each, and the number of bags; -1 if empty."""
    if isinstance(ids, tf.RaggedTensor):
        values, bags = ids.flat_values, ids.value_rowids()
        num_bags = ids.nrows(out_type=bags.dtype)
        lengths = tf.cast(ids.row_lengths(), bags.dtype)
    else:
        there = tf.not_equal(ids, -1)
        values, bags = tf.boolean_mask(ids, there), tf.where(there)[:, 0]
        num_bags = tf.shape(ids, out_type=bags.dtype)[0]
        lengths = tf.math.count_nonzero(there, axis=1)
    empty = tf.where(tf.equal(lengths, 0))[:, 0]
    return (
        tf.concat([values, -tf.ones_like(empty, values.dtype)], axis=0),
        tf.concat([bags, tf.cast(empty, bags.dtype)], axis=0),
        num_bags,
    )
