"""From raw item ids to their codes, inside a model."""

import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.code_table import CodeTable
from moc_tf.ranking.row_lookup import RowLookup

_UNKNOWN_ITEM = -1
_NOT_LOADED = -2


@keras.utils.register_keras_serializable(package="moc_tf")
class CodeLookup(keras.layers.Layer):
    """Looks up the codes of items in a code table; -1 for items that it lacks.

    The table travels with the model as its weights do: ids and codes are part of
    checkpoints, of `.keras` files and of SavedModels. `get_weights()` has the codes
    alone, for ids are no numbers. The configuration has the shape of the table and its
    manifest, so that it stays small. A layer made from a configuration gives -2, which
    `SemanticIdEmbedding` refuses, until its ids are loaded.

    Example:
      >>> table = moc_tf.CodeTable(["a", "b"], [[0, 3], [2, 1]], codebook_size=4)
      >>> CodeLookup(table)(tf.constant(["b", "new"])).numpy().tolist()
      [[2, 1], [-1, -1]]

    Args:
      table: the codes of the catalogue; in a configuration, what `get_config` tells of
        them.

    Attributes:
      codes: non-trainable weight, int32 [items + 1, N], of whatever number of items;
        its first row is for items that the table lacks.

    Call arguments:
      item_ids: strings [batch].

    Returns:
      int32 [batch, N].

    Raises:
      ValueError: if `item_ids` are not strings.
    """

    def __init__(self, table: CodeTable | Mapping[str, Any], **kwargs: Any):
        super().__init__(**kwargs)
        if isinstance(table, CodeTable):
            described, ids, rows = _describe(table), table.item_ids, _rows(table)
        else:
            described, ids = dict(table), np.zeros(0, str)
            shape = described["num_items"] + 1, described["num_codebooks"]
            rows = np.full(shape, _UNKNOWN_ITEM, np.int32)
        # Keras would wrap a dictionary in something that is not JSON.
        self._described = types.MappingProxyType(described)
        self.codes = self.add_weight(
            name="codes",
            shape=(None, rows.shape[1]),  # `extend` adds rows
            dtype=tf.int32,
            initializer=lambda shape, dtype, **kwargs: tf.constant(rows, dtype),
            trainable=False,
        )
        self._lookup = RowLookup(ids)

    @property
    def table(self) -> CodeTable:
        """Ids and codes, read back from the layer's state.

        Raises:
          ValueError: if there are none yet, or those loaded are no code table.
        """
        item_ids, codes = self._lookup.identifiers(), self.codes.numpy()
        if len(item_ids) != self._described["num_items"]:
            raise ValueError(
                f"Layer {self.name!r} was made from a configuration, which has the "
                "shape of a code table alone, and its item ids were not loaded. "
                f"Received: {dict(self._described)} and {len(item_ids)} ids. Load a "
                "checkpoint or a .keras file, or make the layer of a CodeTable."
            )
        return self._table_of(item_ids, codes[1:])

    def extend(
        self,
        item_ids: npt.ArrayLike,
        codes: npt.ArrayLike,
        manifest: Mapping[str, Any] | None = None,
    ) -> None:
        """Adds new items, as `CodeTable.extend` does: at once, also to a traced model.

        A model that predicts, or is exported, from then on knows their codes; nothing
        is compiled or trained anew.

        Args:
          item_ids: unique strings, bytes or integers, [items].
          codes: integers in [0, codebook_size), [items, N].
          manifest: what made them; see `CodeTable.extend`.

        Raises:
          ValueError: as `CodeTable.extend`, before anything is changed.
        """
        present = self.table
        table = present.extend(item_ids, codes, manifest)
        self._described = types.MappingProxyType(_describe(table))
        self.codes.assign(_rows(table))  # before any id leads there
        self._lookup.append(table.item_ids[len(present) :])

    def call(self, item_ids: tf.Tensor) -> tf.Tensor:
        """Looks up `item_ids`."""
        if item_ids.dtype != tf.string:
            raise ValueError(
                "item_ids must be strings, as in a code table; tf.strings.as_string "
                f"converts integers. Received: dtype {item_ids.dtype.name}."
            )
        codes = tf.gather(self.codes, self._lookup.lookup(item_ids))
        if not self._described["num_items"]:
            return codes
        return tf.where(self._lookup.size() > 0, codes, _NOT_LOADED)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, the table by its shape and manifest."""
        return {**super().get_config(), "table": dict(self._described)}

    def save_own_variables(self, store: Any) -> None:
        """Writes ids and codes to the `.keras` file."""
        table = self.table
        store["item_ids"] = np.char.encode(table.item_ids, "utf-8")
        store["codes"] = table.codes

    def load_own_variables(self, store: Any) -> None:
        """Reads what `save_own_variables` wrote.

        Raises:
          ValueError: if it is no code table of this layer's shape.
        """
        table = self._table_of(np.array(store["item_ids"]), np.array(store["codes"]))
        self.codes.assign(_rows(table))
        self._lookup.fill(table.item_ids)

    def _table_of(self, item_ids: np.ndarray, codes: np.ndarray) -> CodeTable:
        """A code table as this layer's configuration describes it."""
        described = dict(self._described)
        shape = described.pop("num_items"), described.pop("num_codebooks")
        if codes.shape != shape:
            raise ValueError(
                f"Layer {self.name!r} is of a code table of shape {shape}, [items, "
                f"codes]. Received: codes of shape {codes.shape}. Load the weights "
                "that were saved with this configuration."
            )
        return CodeTable(item_ids, codes, **described)


def _describe(table: CodeTable) -> dict[str, Any]:
    return {
        "num_items": len(table),
        "num_codebooks": table.num_codebooks,
        "codebook_size": table.codebook_size,
        "manifest": table.manifest,
        "tables_per_code": table.tables_per_code,
    }


def _rows(table: CodeTable) -> np.ndarray:
    """The weight `codes`: those of the table after a row for unknown items."""
    unknown = np.full((1, table.num_codebooks), _UNKNOWN_ITEM, np.int32)
    return np.concatenate([unknown, table.codes])
