"""From the features that a schema describes to the embeddings of a ranker's fields."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._artefact import plain_json
from moc_tf._keras import keras
from moc_tf.data.dense_features import NumericFeature, VectorFeature
from moc_tf.data.schema import (
    CategoricalFeature,
    IdTablesFeature,
    MultiValuedFeature,
    Schema,
)
from moc_tf.global_batch import global_mean
from moc_tf.ranking import code_embedding as code_embeddings
from moc_tf.ranking import fusion as fusions
from moc_tf.ranking.bag_embedding import BagEmbedding
from moc_tf.ranking.batch_columns import column, id_columns
from moc_tf.ranking.embeddings import FieldEmbeddings
from moc_tf.ranking.numeric_embedding import NumericEmbedding, exact_dtype
from moc_tf.ranking.precision import check_same
from moc_tf.ranking.vector_adaptor import VectorAdaptor

CODE_TABLES = ("trained", "frozen")


@keras.utils.register_keras_serializable(package="moc_tf")
class SchemaEmbeddings(keras.layers.Layer):
    """Embeds features as the fields of a ranker, in the order of the schema.

    A categorical, numeric or multi-valued feature is one field. The code feature is one
    for each table of each of its N codes, id tables are one each, a vector one for each
    of its MLPs. The fusion mixes the fields of `schema.fused`, of which there may be
    none.

    Args:
      schema: the features.
      embedding_dim: d, the size of an embedding.
      fusion: of the fields of `schema.fused`; see `moc_tf.ranking.fusion.get`.
      embeddings_initializer: of the tables; see `FieldEmbeddings`. If it has a seed,
        each table draws by one of its own that is derived from it.
      embedding_l2: weight of an L2 penalty while training: the sum of the squares of
        the embeddings looked up for an example, averaged over the batch. Rows that
        the batch does not use feel nothing of it, nor do numbers and vectors, which
        have no tables.
      code_embedding: "tables", "ngram" or "prefix"; see
        `moc_tf.ranking.code_embedding.get`.
      code_tables: "trained", or "frozen": those of the codes stay as they are.
      numeric_bias: whether numbers have a bias; see `NumericEmbedding`.

    Attributes:
      fields: `FieldEmbeddings` of the categorical features, None without any.
      codes: `SemanticIdEmbedding` or `NGramCodeEmbedding` of the code feature, None
        without one.
      id_tables: `FieldEmbeddings` of the id tables, None without them.
      numeric: `NumericEmbedding` of the numeric features, None without any.
      bags: `BagEmbedding` of each multi-valued feature.
      vectors: `VectorAdaptor` of each vector.
      fusion: the fusion layer.

    Call arguments:
      features: a tensor for each of `schema.inputs`, by name; see the classes of the
        features. Other keys are ignored.

    Returns:
      float32 [batch, schema.num_fields, embedding_dim].

    Raises:
      ValueError: if a feature is missing or of another rank, or the fusion is a layer
        of another dtype.
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
        numeric_bias: bool = True,
        **kwargs: Any,
    ):
        # Half precision would round numbers and vectors before they are standardised.
        super().__init__(autocast=False, **kwargs)
        if embedding_l2 < 0:
            raise ValueError(
                f"embedding_l2 must be at least 0. Received: {embedding_l2}."
            )
        if code_tables not in CODE_TABLES:
            raise ValueError(
                f"code_tables must be one of {list(CODE_TABLES)}. "
                f"Received: {code_tables!r}."
            )
        if isinstance(embeddings_initializer, keras.initializers.Initializer):
            # As a configuration, it gives each table a copy: one object without a
            # seed draws the same numbers for all.
            embeddings_initializer = keras.initializers.serialize(
                embeddings_initializer
            )
        precision = self.dtype_policy.name  # by name, so that Keras can serialise it
        self.schema = schema
        self.embedding_dim = embedding_dim
        self.embeddings_initializer = embeddings_initializer
        self.embedding_l2 = embedding_l2
        self.code_embedding = code_embedding
        self.code_tables = code_tables
        self.numeric_bias = numeric_bias
        self.fields: Any = None
        if schema.categorical:
            self.fields = FieldEmbeddings(
                [feature.vocabulary_size for feature in schema.categorical],
                embedding_dim,
                _of_table(0, embeddings_initializer),
                dtype=precision,
                name="fields",
            )
        self.fusion = fusions.get(fusion if schema.fused else "none", dtype=precision)
        check_same(self.fusion, precision, "fusion")
        self.codes: Any = None
        if schema.codes:
            self.codes = code_embeddings.get(
                code_embedding,
                num_codebooks=schema.codes.num_codebooks,
                codebook_size=schema.codes.codebook_size,
                embedding_dim=embedding_dim,
                embeddings_initializer=_of_table(1, embeddings_initializer),
                tables_per_code=schema.codes.tables_per_code,
                trainable=code_tables == "trained",
                dtype=precision,
                name="codes",
            )

        self.id_tables: Any = None
        for feature in schema.of_kind(IdTablesFeature):
            self.id_tables = FieldEmbeddings(
                [feature.vocabulary_size] * feature.num_tables,
                embedding_dim,
                _of_table(2, embeddings_initializer),
                dtype=precision,
                name="id_tables",
            )
        self.numeric: Any = None
        if numeric := schema.of_kind(NumericFeature):
            self.numeric = NumericEmbedding(
                numeric,
                embedding_dim,
                _of_table(3, embeddings_initializer),
                numeric_bias,
                dtype=precision,
                name="numeric",
            )
        self.bags = [
            BagEmbedding(
                feature.vocabulary_size,
                embedding_dim,
                _of_table(4 + index, embeddings_initializer),
                feature.pooling,
                embedding_l2,
                dtype=precision,
                name=f"bag_{index}",
            )
            for index, feature in enumerate(schema.of_kind(MultiValuedFeature))
        ]
        self.vectors = [
            VectorAdaptor(
                feature.num_fields,
                embedding_dim,
                mean=feature.mean,
                scale=feature.scale,
                dtype=precision,
                name=f"vector_{index}",
            )
            for index, feature in enumerate(schema.of_kind(VectorFeature))
        ]

    def call(
        self, features: Mapping[str, tf.Tensor], training: bool | None = None
    ) -> tf.Tensor:
        """Embeds `features`."""
        missing = [name for name in self.schema.inputs if name not in features]
        if missing:
            raise ValueError(
                f"The schema has features that the input lacks: {missing}. "
                f"Received: {sorted(features)}."
            )
        stacked: dict[type, tf.Tensor] = {}  # of all features of a kind
        alone: dict[str, tf.Tensor] = {}  # of a feature
        if self.schema.categorical:
            names = [feature.name for feature in self.schema.categorical]
            ids = id_columns(features, names)
            stacked[CategoricalFeature] = self.fields(tf.stack(ids, axis=1))
        if self.schema.codes:
            codes = self.codes(features[self.schema.codes.name])
            alone[self.schema.codes.name] = codes
        for feature in self.schema.of_kind(IdTablesFeature):
            ids = tf.repeat(features[feature.of][:, tf.newaxis], feature.num_tables, 1)
            alone[feature.name] = self.id_tables(ids)
        looked_up = [*stacked.values(), *alone.values()]
        if training and self.embedding_l2 and looked_up:
            # In float32 under mixed precision too, as the loss that it is added to.
            squares = [
                tf.reduce_sum(tf.square(tf.cast(e, tf.float32)), axis=[1, 2])
                for e in looked_up
            ]
            self.add_loss(self.embedding_l2 * global_mean(tf.add_n(squares)))

        if numeric := self.schema.of_kind(NumericFeature):
            numbers = [column(features, each.name) for each in numeric]
            dtype = exact_dtype(numbers)
            numbers = [tf.cast(each, dtype) for each in numbers]
            stacked[NumericFeature] = self.numeric(tf.stack(numbers, axis=1))
        bags = self.schema.of_kind(MultiValuedFeature)
        for feature, bag in zip(bags, self.bags, strict=True):
            alone[feature.name] = bag(features[feature.name], training=training)
        vectors = self.schema.of_kind(VectorFeature)
        for feature, adaptor in zip(vectors, self.vectors, strict=True):
            alone[feature.name] = adaptor(features[feature.name])
        if fused := self.schema.fused:
            alone[fused.name] = self.fusion(alone[fused.name])
        return self._in_order(stacked, alone)

    def _in_order(
        self, stacked: Mapping[type, tf.Tensor], alone: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """The fields in the order of the schema."""
        runs = [
            (kind, [feature.name for feature in run])
            for kind, run in itertools.groupby(self.schema.features, type)
        ]
        pieces = {}
        for kind, fields in stacked.items():
            lengths = [len(names) for other, names in runs if other is kind]
            whole = len(lengths) == 1
            pieces[kind] = iter([fields] if whole else tf.split(fields, lengths, 1))
        parts = []
        for kind, names in runs:
            if kind in pieces:
                parts.append(next(pieces[kind]))
            else:
                parts += [alone[name] for name in names]
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        code_tables = self.code_tables
        if self.codes is not None and self.trainable:
            # They may have been frozen since, as `start_from_codebooks` advises.
            code_tables = "trained" if self.codes.trainable else "frozen"
        return {
            **super().get_config(),
            "schema": self.schema.to_config(),
            "embedding_dim": self.embedding_dim,
            "fusion": keras.layers.serialize(self.fusion),
            "embeddings_initializer": _plain(self.embeddings_initializer),
            "embedding_l2": self.embedding_l2,
            "code_embedding": _plain(self.code_embedding),
            "code_tables": code_tables,
            "numeric_bias": self.numeric_bias,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SchemaEmbeddings":
        """The layer that `get_config` described."""
        return cls(**{**config, "schema": Schema.from_config(config["schema"])})


def _of_table(place: int, initializer: Any) -> Any:
    """`initializer` with a seed for one of several tables, if it has a seed at all.

    The same seed would draw the same numbers for all of them.
    """
    if not isinstance(initializer, Mapping):
        return initializer
    options = initializer.get("config") or {}
    if (seed := options.get("seed")) is None:
        return initializer
    (derived,) = np.random.SeedSequence([seed % 2**32, place]).generate_state(1)
    own = int(derived) % 2**31  # what TensorFlow takes
    return {**initializer, "config": {**options, "seed": own}}


def _plain(value: Any) -> Any:
    """`value` without what Keras wraps mappings in, which JSON does not know."""
    return plain_json(value, "a setting") if isinstance(value, Mapping) else value
