"""From raw item ids to their codes, inside a model."""

from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.code_table import CodeTable


@keras.utils.register_keras_serializable(package="moc_tf")
class CodeLookup(keras.layers.Layer):
    """Looks up the codes of items in a code table; -1 for items that it lacks.

    The table travels with the model: in its configuration, and in a SavedModel. Its
    codes are the non-trainable weight `codes`, int32 [items + 1, N].

    Example:
      >>> table = moc_tf.CodeTable(["a", "b"], [[0, 3], [2, 1]], codebook_size=4)
      >>> CodeLookup(table)(tf.constant(["b", "new"])).numpy().tolist()
      [[2, 1], [-1, -1]]

    Args:
      table: the codes of the catalogue.

    Call arguments:
      item_ids: strings [batch].

    Returns:
      int32 [batch, N].

    Raises:
      ValueError: if `item_ids` are not strings.
    """

    def __init__(self, table: CodeTable, **kwargs: Any):
        super().__init__(**kwargs)
        self._table = table
        self._rows = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(table.item_ids, tf.string),
                tf.range(1, len(table) + 1, dtype=tf.int64),
            ),
            default_value=0,
        )

    @property
    def table(self) -> CodeTable:
        """The codes that the layer was made with."""
        return self._table

    def build(self, input_shape: Any) -> None:
        """Creates the weight; its first row is for items the table lacks."""
        unknown = np.full((1, self._table.num_codebooks), -1, np.int32)
        codes = np.concatenate([unknown, self._table.codes])
        self.codes = self.add_weight(
            name="codes",
            shape=codes.shape,
            dtype=tf.int32,
            initializer=lambda shape, dtype, **kwargs: tf.constant(codes, dtype),
            trainable=False,
        )
        super().build(input_shape)

    def call(self, item_ids: tf.Tensor) -> tf.Tensor:
        """Looks up `item_ids`."""
        if item_ids.dtype != tf.string:
            raise ValueError(
                "item_ids must be strings, as in a code table; tf.strings.as_string "
                f"converts integers. Received: dtype {item_ids.dtype.name}."
            )
        return tf.gather(self.codes, self._rows.lookup(item_ids))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, the table as lists."""
        return {
            **super().get_config(),
            "table": {
                "item_ids": self._table.item_ids.tolist(),
                "codes": self._table.codes.tolist(),
                "codebook_size": self._table.codebook_size,
                "manifest": self._table.manifest,
                "tables_per_code": self._table.tables_per_code,
            },
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "CodeLookup":
        """The layer that `get_config` described."""
        values = dict(config)
        return cls(CodeTable(**values.pop("table")), **values)
