"""A log and a catalogue, made ready for rankers."""

import dataclasses
import functools
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf.code_table import CodeTable
from moc_tf.data.dense_features import VectorFeature
from moc_tf.data.interactions import Catalogue, Interactions
from moc_tf.data.pipeline import make_batches
from moc_tf.data.protocols import LabelledRows, label_parts
from moc_tf.data.schema import CategoricalFeature, IdTablesFeature, Schema
from moc_tf.data.splits import split_by_time
from moc_tf.data.vectors import ItemVectors
from moc_tf.data.vocabulary import Vocabulary

_CODES = "codes"
_ITEM = "item"
_ITEM_ROW = "item_row"
_ITEM_TABLES = "item_tables"
_ITEM_VECTOR = "item_vector"
_LABEL = "label"
_USER = "user"
_OWN_NAMES = (_CODES, _ITEM, _ITEM_ROW, _ITEM_TABLES, _ITEM_VECTOR, _LABEL, _USER)


@dataclasses.dataclass(frozen=True)
class RankingPart:
    """The rows of one part, in order of time.

    Attributes:
      users: int32 vocabulary ids, [rows]; 0 for users unseen in training.
      user_rows: int64, [rows], different for different users, unseen ones too.
      item_rows: int32, [rows], into the catalogue.
      labels: float32 0 or 1, [rows].
      new_item: bool, [rows]: has the item no row in the training part?
      item_counts: int64, [rows], interactions with the item in the training part.
      user_counts: int64, [rows], interactions of the user in the training part.
      sha256: checksum of user ids, item ids and labels.
    """

    users: np.ndarray
    user_rows: np.ndarray
    item_rows: np.ndarray
    labels: np.ndarray
    new_item: np.ndarray
    item_counts: np.ndarray
    user_counts: np.ndarray
    sha256: str

    def __len__(self) -> int:
        return len(self.labels)


@dataclasses.dataclass(frozen=True)
class RankingData:
    """Everything a ranker trains and is tested on, but for the codes.

    Attributes:
      name: of the data set.
      protocol: "rating", "implicit" or "click".
      item_ids: strings, [items], the catalogue's order, which `item_rows` refer to.
      item_features: name -> int32 [items], vocabulary ids; 0 for values unseen in
        training. Vectors, if any: floats [items, X].
      schema: user, item and the item's attributes that vary; and their vector or
        tables, if it was asked for.
      train: the first 80 % by time.
      validation: the next 10 %.
      test: the last 10 %.
      vocabularies: of the schema's categorical features, by name.
    """

    name: str
    protocol: str
    item_ids: np.ndarray
    item_features: Mapping[str, np.ndarray]
    schema: Schema
    train: RankingPart
    validation: RankingPart
    test: RankingPart
    vocabularies: Mapping[str, Vocabulary]

    @property
    def training_items(self) -> np.ndarray:
        """Rows of the items with a row in the training part, int64: fit codes here."""
        return np.unique(self.train.item_rows).astype(np.int64)

    def training_items_sha256(self) -> str:
        """Checksum of `training_items`: the same whatever the labels are."""
        rows = np.ascontiguousarray(self.training_items, "<i8")
        return hashlib.sha256(rows.data).hexdigest()

    @property
    def sha256(self) -> str:
        """Checksum of the three parts."""
        parts = (self.train, self.validation, self.test)
        return hashlib.sha256("".join(p.sha256 for p in parts).encode()).hexdigest()

    @property
    def item_features_sha256(self) -> str:
        """Checksum of the items' features."""
        digest = hashlib.sha256()
        for name, values in sorted(self.item_features.items()):
            digest.update(name.encode())
            dtype = "<i4" if values.dtype.kind == "i" else values.dtype
            digest.update(np.ascontiguousarray(values, dtype).data)
        return digest.hexdigest()

    @functools.cached_property
    def _item_tensors(self) -> dict[str, tf.Tensor]:
        """The items' features, in memory once however many data sets join them."""
        return {name: tf.constant(v) for name, v in self.item_features.items()}

    def __getstate__(self) -> dict[str, Any]:
        """Without the tensors, which another process makes for itself."""
        state = dict(self.__dict__)
        state.pop("_item_tensors", None)
        return state

    def with_item_vectors(self, vectors: ItemVectors, num_fields: int) -> "RankingData":
        """This data with the items' raw vectors, from which the ranker makes fields.

        The vectors of new items too; mean and scale are those of the training items.
        Batches join them to each row, in the precision that they have: as fast as a
        lookup inside the ranker, which so needs no catalogue and serves any vector.

        Args:
          vectors: of the items; float64 becomes float32.
          num_fields: N, fields that the ranker makes of a vector.

        Raises:
          ValueError: if an item has no vector, or num_fields is below 1.
        """
        aligned = vectors.aligned_to(self.item_ids)
        if aligned.dtype == np.float64:
            aligned = aligned.astype(np.float32)
        feature = VectorFeature.fitted(
            _ITEM_VECTOR, aligned[self.training_items], num_fields
        )
        return dataclasses.replace(
            self,
            item_features={**self.item_features, _ITEM_VECTOR: aligned},
            schema=self._schema_and(feature),
        )

    def with_item_tables(self, num_tables: int) -> "RankingData":
        """This data with `num_tables` more tables of the item ids in the ranker.

        Items that training has not seen share a row of each table.

        Raises:
          ValueError: if items are no feature, or num_tables is below 1.
        """
        items = [f for f in self.schema.categorical if f.name == _ITEM]
        if not items:
            raise ValueError(
                "Tables of the item ids need at least two items in the training part. "
                f"Received: {len(self.training_items)}."
            )
        feature = IdTablesFeature(
            _ITEM_TABLES, _ITEM, items[0].vocabulary_size, num_tables
        )
        return dataclasses.replace(self, schema=self._schema_and(feature))

    def _schema_and(self, feature: VectorFeature | IdTablesFeature) -> Schema:
        return dataclasses.replace(
            self.schema, features=(*self.schema.features, feature)
        )

    def schema_with(self, table: CodeTable | None) -> Schema:
        """The schema of a ranker that reads the codes of `table`, if one is given."""
        return self.schema if table is None else self.schema.with_codes(table, _CODES)

    def batches(
        self,
        part: RankingPart,
        batch_size: int,
        table: CodeTable | None = None,
        shuffle_seed: int | None = None,
        first_pass: int = 0,
    ) -> tf.data.Dataset:
        """Batches of features and label, as `schema_with(table)` describes them.

        Args:
          part: `train`, `validation` or `test`.
          batch_size: rows of a batch.
          table: codes of the catalogue's items, joined to each row; None for none.
          shuffle_seed: of a new order at each pass; None keeps the order of time.
          first_pass: number of the first pass, for a training that is resumed; see
            `make_batches`.

        Raises:
          UnknownItemError: if an item of the catalogue has no codes in `table`.
        """
        # A data set that is made inside of a graph cannot share eager tensors.
        eager = tf.executing_eagerly()
        features: dict[str, Any] = {
            **(self._item_tensors if eager else self.item_features)
        }
        if table is not None:
            features[_CODES] = table.lookup(self.item_ids)
        log = {
            _USER: part.users,
            _ITEM_ROW: part.item_rows,
            self.schema.label: part.labels,
        }
        return make_batches(
            log,
            batch_size,
            shuffle_seed,
            features,
            _ITEM_ROW,
            first_pass=first_pass,
        )


def prepare_ranking_data(
    interactions: Interactions,
    catalogue: Catalogue,
    protocol: str,
    name: str,
    seed: int = 0,
    item_attributes: Sequence[str] = ("brand", "category"),
) -> RankingData:
    """Splits by time, labels, and turns values into ids by the training part alone.

    Args:
      interactions: the log.
      catalogue: every item of the log.
      protocol: "rating", "implicit" or "click"; see `label_parts`.
      name: of the data set, for reports.
      seed: of the protocol's draws.
      item_attributes: attributes of the catalogue that become features, where it has
        them and the training part has more than one value of them.

    Raises:
      ValueError: if the log names items that the catalogue lacks, the protocol does not
        fit the log, or an attribute has the name of another feature.
    """
    if taken := [name for name in item_attributes if name in _OWN_NAMES]:
        raise ValueError(
            f"Attributes of items must not be named as other columns are. Received: "
            f"{taken}. Rename them; taken are {list(_OWN_NAMES)}."
        )
    split = split_by_time(interactions)
    parts = label_parts(interactions, split, protocol, seed)
    user_vocabulary = Vocabulary(parts[0].user_ids)
    vocabularies = {_USER: user_vocabulary}
    users = np.unique(interactions.user_ids)
    item_counts = np.bincount(
        catalogue.rows(interactions.item_ids[split.train]),
        minlength=len(catalogue.item_ids),
    )
    known_items = np.flatnonzero(item_counts)
    user_counts = np.bincount(
        np.searchsorted(users, interactions.user_ids[split.train]),
        minlength=len(users),
    )

    attributes = {_ITEM: catalogue.item_ids} | {
        attribute: catalogue.attributes[attribute]
        for attribute in item_attributes
        if attribute in catalogue.attributes
    }
    item_features, features = {}, [CategoricalFeature(_USER, user_vocabulary.size)]
    for attribute, values in attributes.items():
        vocabulary = Vocabulary(values[known_items])
        if vocabulary.size > 2:  # else the same for every row of training
            vocabularies[attribute] = vocabulary
            item_features[attribute] = vocabulary.ids(values)
            features.append(CategoricalFeature(attribute, vocabulary.size))

    def ranking_part(rows: LabelledRows) -> RankingPart:
        item_rows = catalogue.rows(rows.item_ids)
        user_rows = np.searchsorted(users, rows.user_ids)
        return RankingPart(
            users=user_vocabulary.ids(rows.user_ids),
            user_rows=user_rows,
            item_rows=item_rows.astype(np.int32),
            labels=rows.labels,
            new_item=item_counts[item_rows] == 0,
            item_counts=item_counts[item_rows],
            user_counts=user_counts[user_rows],
            sha256=rows.sha256(),
        )

    train, validation, test = map(ranking_part, parts)
    return RankingData(
        name,
        protocol,
        catalogue.item_ids,
        item_features,
        Schema(tuple(features)),
        train,
        validation,
        test,
        vocabularies,
    )
