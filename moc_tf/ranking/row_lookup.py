"""From raw ids to rows, inside a graph."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from moc_tf.identifiers import IdentifierIndex, as_identifiers


class RowLookup(tf.lookup.experimental.MutableHashTable):
    """A hash table: unique ids -> rows 1, 2, ... in their order, others -> row 0.

    Its content is written to checkpoints and to the variables of a SavedModel, not
    into the graph, which therefore stays small whatever the number of ids.

    Args:
      identifiers: unique strings, bytes (UTF-8) or integers, [ids].

    Raises:
      ValueError: if an id occurs twice or is of another type.
    """

    def __init__(self, identifiers: npt.ArrayLike = ()):
        super().__init__(tf.string, tf.int64, default_value=0, name="rows")
        self.fill(identifiers)

    def fill(self, identifiers: npt.ArrayLike) -> None:
        """Replaces the content by other ids."""
        ids = as_identifiers(identifiers, "identifiers")
        IdentifierIndex(ids, "identifiers")  # raises if an id occurs twice
        self.remove(self.export()[0])
        self.append(ids)

    def append(self, identifiers: npt.ArrayLike) -> None:
        """Adds ids that are not in the table, as the rows after the present ones."""
        ids = as_identifiers(identifiers, "identifiers")
        rows = self.size() + tf.range(1, len(ids) + 1, dtype=tf.int64)
        self.insert(tf.constant(ids, tf.string), rows)

    def identifiers(self) -> np.ndarray:
        """The ids, strings [ids], in the order of their rows."""
        ids, rows = self.export()
        encoded = ids.numpy()[np.argsort(rows.numpy())]
        return as_identifiers(encoded.tolist(), "identifiers")
