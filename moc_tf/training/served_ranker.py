"""A ranker as a TensorFlow graph from raw ids to probabilities."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf.code_table import CodeTable
from moc_tf.data.dense_features import VectorFeature
from moc_tf.data.schema import Schema
from moc_tf.data.serving_data import ServingData
from moc_tf.indexing import GraphEncoder
from moc_tf.ranking import Ranker
from moc_tf.ranking.row_lookup import RowLookup

_USER = "user"
_ITEM_VECTOR = "item_vector"


def item_vector_of(schema: Schema) -> VectorFeature | None:
    """The feature that is an item's raw vector, if a ranker of `schema` reads one.

    It has the name of the input that brings the vectors of new items.
    """
    vectors = schema.of_kind(VectorFeature)
    return next((f for f in vectors if f.name == _ITEM_VECTOR), None)


class ServedRanker(tf.Module):
    """What a SavedModel serves: user and item ids in, probabilities out.

    A request costs one hash lookup for each column of ids and one gather of all that is
    known of the items, before the ranker's own work.

    A user or item that is not known is served as training's unseen values are: by the
    embedding of id 0, by that of "no code", and by the mean of training's vectors.

    With an encoder, or for a ranker that reads the feature `item_vector`, there is a
    second function, which takes vectors as well. An item without codes gets those of
    its vector, computed inside the graph, and the ranker reads the vector of an item
    that the data lack as it came; other features stay those of unseen values. A vector
    that is all zeros, or not finite, counts as none given, and what is known of an item
    stays, whatever vector comes with it.

    Args:
      ranker: trained.
      data: vocabularies and item features.
      table: codes of the items, if the ranker reads codes. Items of the table alone are
        known by their codes, and unseen in all else.
      encoder: from vectors to codes, of the indexer that made the table.
      takes_vectors: whether to add the function that takes vectors, where the ranker
        can make use of them.

    Attributes:
      functions: concrete functions by name of signature. `serving_default` takes
        `user` and `item`, strings [batch]; `with_item_vectors`, if there is one, also
        `item_vector`, float32 [batch, X]. Both return `probability` and `logit`,
        float32 [batch].

    Raises:
      ValueError: if ranker, data and table do not fit one another.
    """

    def __init__(
        self,
        ranker: Ranker,
        data: ServingData,
        table: CodeTable | None = None,
        encoder: GraphEncoder | None = None,
        takes_vectors: bool = True,
    ):
        super().__init__(name="served_ranker")
        _check(ranker, data, table, encoder)
        item_ids, features = _item_features(ranker, data, table)
        self._users = RowLookup(
            data.vocabularies[_USER].values if _USER in data.vocabularies else ()
        )
        self._items = RowLookup(item_ids)
        # All integers in one array, so that one gather finds them.
        integers = {k: v for k, v in features.items() if v.dtype == np.int32}
        self._integers = _constant(
            np.concatenate([v.reshape(len(v), -1) for v in integers.values()], axis=1)
            if integers
            else np.zeros((len(item_ids) + 1, 0), np.int32)
        )
        self._columns = {k: v.shape[1:] for k, v in integers.items()}
        self._others = {
            k: _constant(v) for k, v in features.items() if k not in integers
        }
        self._encoder = encoder
        self._num_described = len(data.item_ids)  # the first rows
        ids = tf.TensorSpec([None], tf.string)
        self.functions = {"serving_default": self._function(ranker, user=ids, item=ids)}
        vector_dim = _vector_dim(ranker, encoder)
        if takes_vectors and vector_dim is not None:
            vectors = tf.TensorSpec([None, vector_dim], tf.float32)
            self.functions["with_item_vectors"] = self._function(
                ranker, user=ids, item=ids, item_vector=vectors
            )
        # The variables alone: the model would bring its optimizer along.
        captured = [v for f in self.functions.values() for v in f.variables]
        self._state = list({v.ref(): v for v in captured}.values())

    def _function(self, ranker: Ranker, **inputs: tf.TensorSpec) -> Any:
        def serve(**columns: tf.Tensor) -> dict[str, tf.Tensor]:
            logits = ranker(self._features(ranker, **columns), training=False)
            return {"probability": tf.sigmoid(logits), "logit": logits}

        named = {k: tf.TensorSpec(v.shape, v.dtype, k) for k, v in inputs.items()}
        return tf.function(serve).get_concrete_function(**named)

    def _features(
        self,
        ranker: Ranker,
        user: tf.Tensor,
        item: tf.Tensor,
        item_vector: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """What the ranker reads of a request."""
        rows = self._items.lookup(item)
        widths = [int(np.prod(shape)) for shape in self._columns.values()]
        parts = tf.split(tf.gather(self._integers, rows), widths, axis=1)
        features = {
            name: tf.reshape(part, (-1, *shape)) if len(shape) != 1 else part
            for (name, shape), part in zip(self._columns.items(), parts, strict=True)
        }
        features |= {name: tf.gather(v, rows) for name, v in self._others.items()}
        features[_USER] = tf.cast(self._users.lookup(user), tf.int32)
        if item_vector is None:
            return features
        given = tf.reduce_all(tf.math.is_finite(item_vector), axis=1)
        given &= tf.reduce_any(item_vector != 0, axis=1)
        codes = ranker.schema.codes
        if self._encoder is not None and codes is not None:
            known = features[codes.name]
            features[codes.name] = _with_codes_of(
                item_vector, given & (known[:, 0] < 0), known, self._encoder
            )
        if item_vector_of(ranker.schema) is not None:
            new = given & ((rows == 0) | (rows > self._num_described))
            known = tf.cast(features[_ITEM_VECTOR], tf.float32)
            features[_ITEM_VECTOR] = tf.where(new[:, tf.newaxis], item_vector, known)
        return features


def _vector_dim(ranker: Ranker, encoder: GraphEncoder | None) -> int | None:
    """X of the vectors that say something of a new item; None if none do."""
    feature = item_vector_of(ranker.schema)
    if encoder is not None:
        return encoder.input_dim
    return None if feature is None else feature.dim


def _with_codes_of(
    vectors: tf.Tensor,
    chosen: tf.Tensor,
    codes: tf.Tensor,
    encode: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """`codes` [batch, N], those of the chosen rows replaced by their vectors' codes."""
    new = tf.where(chosen)

    def encoded() -> tf.Tensor:
        found = encode(tf.gather_nd(vectors, new))
        return tf.tensor_scatter_nd_update(codes, new, found)

    # Most requests have no new item, and encoding costs more than all else.
    return tf.cond(tf.size(new) > 0, encoded, lambda: codes)


def _item_features(
    ranker: Ranker, data: ServingData, table: CodeTable | None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Ids of the known items; by feature, values of row 0, unknown, and of these."""
    item_ids = data.item_ids
    if table is not None:
        more = table.item_ids[~np.isin(table.item_ids, item_ids)]
        item_ids = np.concatenate([item_ids, more])
    codes, features = ranker.schema.codes, {}
    for name, unknown in ranker.schema.example_batch().items():
        if name in data.item_features:
            known = np.asarray(data.item_features[name])
        elif table is not None and codes is not None and name == codes.name:
            known = table.lookup(item_ids, missing="unknown")
        else:
            continue  # of the user
        blank = np.broadcast_to(unknown, (1, *known.shape[1:])).astype(known.dtype)
        of_table_alone = np.repeat(blank, len(item_ids) - len(known), axis=0)
        features[name] = np.concatenate([blank, known, of_table_alone])
    return item_ids, features


def _check(
    ranker: Ranker,
    data: ServingData,
    table: CodeTable | None,
    encoder: GraphEncoder | None,
) -> None:
    """Raises ValueError unless these belong together."""
    schema = ranker.schema
    if (schema.codes is None) != (table is None):
        raise ValueError(
            "A ranker with a code feature is served with the code table that it was "
            "trained on, and one without must not get one. Received: schema with code "
            f"feature {schema.codes}, table {table}."
        )
    if schema.codes is not None and table is not None:
        schema.codes.check(table)
    shape = None if table is None else (table.num_codebooks,)
    if encoder is not None and shape != (encoder.codes_per_item,):
        raise ValueError(
            "The indexer must be the one that made the ranker's codes. Received: one "
            f"of {encoder.codes_per_item} codes an item for the table {table}."
        )
    vector = item_vector_of(schema)
    if encoder is not None and vector and encoder.input_dim != vector.dim:
        raise ValueError(
            "A request has one vector an item, for the indexer and for the ranker, so "
            "both must read vectors of the same dimensions. Received: "
            f"{encoder.input_dim} and {vector.dim}."
        )
    told = {_USER, *data.item_features, *([schema.codes.name] if schema.codes else [])}
    if untold := sorted(schema.example_batch().keys() - told):
        raise ValueError(
            "A request has a user id and an item id, and the ranker reads features "
            f"that neither tells. Received: {untold}, with data of the features "
            f"{sorted(told)}."
        )
    for feature in schema.categorical:
        vocabulary = data.vocabularies.get(feature.name)
        size = None if vocabulary is None else vocabulary.size
        if size != feature.vocabulary_size:
            raise ValueError(
                f"The vocabulary of {feature.name!r} must have the size that the "
                f"ranker was trained with, {feature.vocabulary_size}. Received: "
                f"{size}. Was the ranker trained on other data?"
            )


def _constant(array: np.ndarray) -> tf.Variable:
    """In the SavedModel's variables, not in its graph, which must stay small."""
    return tf.Variable(array, trainable=False)
