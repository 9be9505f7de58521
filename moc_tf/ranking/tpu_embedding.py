"""Embedding tables on a TPU's embedding hardware."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from moc_tf._keras import keras
from moc_tf.ranking.embeddings import FieldEmbeddings

_OPTIMIZERS = {
    "adagrad": tf.tpu.experimental.embedding.Adagrad,
    "adam": tf.tpu.experimental.embedding.Adam,
}


@keras.utils.register_keras_serializable(package="moc_tf")
class TPUFieldEmbeddings(keras.layers.Layer):
    """Embeds F categorical fields as `FieldEmbeddings` does, with tables on a TPU.

    A thin layer around `tfrs.layers.embedding.TPUEmbedding`. Made under a
    `tf.distribute.TPUStrategy`, the tables are sharded over the memory of all chips,
    and the embedding hardware updates the gathered rows as gradients come back, by
    `optimizer`, not by the model's. Made anywhere else, the tables are ordinary
    weights, one a field, that the model's optimizer trains.

    Only the latter has been run: lookups, gradients and tracing on a CPU are tested,
    and what TensorFlow does under a TPUStrategy is not, as no TPU was at hand. Ids are
    not checked, and `Ranker` does not build it: it is for models of one's own.

    Args:
      vocabulary_sizes: number of ids of each field.
      embedding_dim: d, the size of an embedding. On a TPU, multiples of 8 waste no
        memory.
      optimizer: of the embedding hardware: "adagrad" or "adam", which there moves the
        gathered rows alone, as `LazyAdam` does.
      learning_rate: of that optimizer.
      embeddings_initializer: of each table; None is as in `FieldEmbeddings`.

    Call arguments:
      ids: integers [batch, F]; the ids of field f lie in [0, vocabulary_sizes[f]).

    Returns:
      float32 [batch, F, embedding_dim].

    Raises:
      ValueError: if the optimizer is unknown, or sizes are not positive.
    """

    def __init__(
        self,
        vocabulary_sizes: Sequence[int],
        embedding_dim: int,
        optimizer: str = "adagrad",
        learning_rate: float = 1e-2,
        embeddings_initializer: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if optimizer not in _OPTIMIZERS:
            raise ValueError(
                f"optimizer must be one of {sorted(_OPTIMIZERS)}. "
                f"Received: {optimizer!r}."
            )
        # Checks the sizes, and holds the default of the initializer.
        like = FieldEmbeddings(vocabulary_sizes, embedding_dim, embeddings_initializer)
        self.vocabulary_sizes = like.vocabulary_sizes
        self.embedding_dim = embedding_dim
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.embeddings_initializer = like.embeddings_initializer
        configuration = keras.initializers.serialize(self.embeddings_initializer)
        api = tf.tpu.experimental.embedding
        tables = [
            api.TableConfig(
                vocabulary_size=size,
                dim=embedding_dim,
                # A copy each: one object without a seed draws the same for all.
                initializer=keras.initializers.deserialize(configuration),
                name=f"field_{place}",
            )
            for place, size in enumerate(self.vocabulary_sizes)
        ]
        self._lookup = tfrs.layers.embedding.TPUEmbedding(
            tuple(api.FeatureConfig(table=table) for table in tables),
            _OPTIMIZERS[optimizer](learning_rate=learning_rate),
        )

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """Looks up `ids`."""
        columns = tuple(tf.unstack(tf.cast(ids, tf.int32), axis=1))
        return tf.stack(self._lookup(columns), axis=1)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "vocabulary_sizes": list(self.vocabulary_sizes),
            "embedding_dim": self.embedding_dim,
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
            "embeddings_initializer": keras.initializers.serialize(
                self.embeddings_initializer
            ),
        }
