"""From the features that a schema describes to the embeddings of a ranker's fields."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.data.schema import Schema
from moc_tf.global_batch import global_mean
from moc_tf.ranking import code_embedding as code_embeddings
from moc_tf.ranking import fusion as fusions
from moc_tf.ranking.embeddings import FieldEmbeddings


@keras.utils.register_keras_serializable(package="moc_tf")
class SchemaEmbeddings(keras.layers.Layer):
    """Embeds features as the fields of a ranker, in the order of the schema.

    A categorical feature is one field. The code feature is one for each table of each
    of its N codes, and the fusion mixes them; without a code feature there is none.

    Args:
      schema: the features.
      embedding_dim: d, the size of an embedding.
      fusion: of the code embeddings; see `moc_tf.ranking.fusion.get`.
      embeddings_initializer: of the tables; see `FieldEmbeddings`.
      embedding_l2: weight of an L2 penalty while training: the sum of the squares of
        the embeddings looked up for an example, averaged over the batch. Rows that
        the batch does not use feel nothing of it.
      code_embedding: "tables", "ngram" or "prefix"; see
        `moc_tf.ranking.code_embedding.get`.
      code_tables: "trained", or "frozen": those of the codes stay as they are.

    Attributes:
      fields: `FieldEmbeddings` of the categorical features, None without any.
      codes: `SemanticIdEmbedding` or `NGramCodeEmbedding` of the code feature, None
        without one.
      fusion: the fusion layer.

    Call arguments:
      features: a tensor for each feature of the schema, by name: integers [batch], or
        [batch, N] for codes. Other keys are ignored.

    Returns:
      float32 [batch, schema.num_fields, embedding_dim].

    Raises:
      ValueError: if a feature is missing.
    """

    def __init__(
        self,
        schema: Schema,
        embedding_dim: int,
        fusion: Any = "none",
        embeddings_initializer: Any = None,
        embedding_l2: float = 0.0,
        code_embedding: Any = "tables",
        code_tables: str = "trained",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if embedding_l2 < 0:
            raise ValueError(
                f"embedding_l2 must be at least 0. Received: {embedding_l2}."
            )
        if code_tables not in ("trained", "frozen"):
            raise ValueError(
                f"code_tables must be 'trained' or 'frozen'. Received: {code_tables!r}."
            )
        if isinstance(embeddings_initializer, keras.initializers.Initializer):
            # As a configuration, it gives each table a copy: one object without a
            # seed draws the same numbers for all.
            embeddings_initializer = keras.initializers.serialize(
                embeddings_initializer
            )
        self.schema = schema
        self.embedding_dim = embedding_dim
        self.embeddings_initializer = embeddings_initializer
        self.embedding_l2 = embedding_l2
        self.code_embedding = code_embedding
        self.code_tables = code_tables
        self.fields: Any = None
        if schema.categorical:
            self.fields = FieldEmbeddings(
                [feature.vocabulary_size for feature in schema.categorical],
                embedding_dim,
                embeddings_initializer,
                name="fields",
            )
        self.fusion = fusions.get(fusion if schema.codes else "none")
        self.codes: Any = None
        if schema.codes:
            self.codes = code_embeddings.get(
                code_embedding,
                num_codebooks=schema.codes.num_codebooks,
                codebook_size=schema.codes.codebook_size,
                embedding_dim=embedding_dim,
                embeddings_initializer=embeddings_initializer,
                tables_per_code=schema.codes.tables_per_code,
                trainable=code_tables == "trained",
                name="codes",
            )

    def call(
        self, features: Mapping[str, tf.Tensor], training: bool | None = None
    ) -> tf.Tensor:
        """Embeds `features`."""
        missing = [f.name for f in self.schema.features if f.name not in features]
        if missing:
            raise ValueError(
                f"The schema has features that the input lacks: {missing}. "
                f"Received: {sorted(features)}."
            )
        looked_up = []
        if self.schema.categorical:
            ids = [features[feature.name] for feature in self.schema.categorical]
            looked_up.append(self.fields(tf.stack(ids, axis=1)))
        if self.schema.codes:
            looked_up.append(self.codes(features[self.schema.codes.name]))
        if training and self.embedding_l2:
            # In float32 under mixed precision too, as the loss that it is added to.
            squares = [
                tf.reduce_sum(tf.square(tf.cast(e, tf.float32)), axis=[1, 2])
                for e in looked_up
            ]
            self.add_loss(self.embedding_l2 * global_mean(tf.add_n(squares)))
        return self._in_order(looked_up)

    def _in_order(self, looked_up: list[tf.Tensor]) -> tf.Tensor:
        """The fields in the order of the schema, codes fused."""
        if not self.schema.codes:
            return looked_up[0]
        codes = self.fusion(looked_up.pop())
        if not looked_up:
            return codes
        place = self.schema.features.index(self.schema.codes)
        rest = len(self.schema.categorical) - place
        before, after = tf.split(looked_up[0], [place, rest], axis=1)
        return tf.concat([before, codes, after], axis=1)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "schema": self.schema.to_config(),
            "embedding_dim": self.embedding_dim,
            "fusion": keras.layers.serialize(self.fusion),
            "embeddings_initializer": self.embeddings_initializer,
            "embedding_l2": self.embedding_l2,
            "code_embedding": self.code_embedding,
            "code_tables": self.code_tables,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SchemaEmbeddings":
        """The layer that `get_config` described."""
        return cls(**{**config, "schema": Schema.from_config(config["schema"])})
