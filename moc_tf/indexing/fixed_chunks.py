"""Rows through a graph in chunks of one size, whatever the size of the batch."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

# Every call of the graph has this many rows, so that a vector's codes cannot depend on
# how many others it is encoded with: matrix kernels differ by size, in the last bit.
CHUNK = 1024


def in_chunks(
    function: Callable[[tf.Tensor], tf.Tensor], rows: np.ndarray
) -> np.ndarray:
    """What `function` makes of `rows`, each of which it must treat by itself.

    Args:
      function: takes a tensor [CHUNK, ...] and returns one [CHUNK, ...].
      rows: array [rows, ...]; the last chunk is filled up with zeros.

    Returns:
      Array [rows, ...] of the function's outputs.
    """
    outputs = []
    for start in range(0, max(len(rows), 1), CHUNK):
        chunk = rows[start : start + CHUNK]
        number = len(chunk)
        if number < CHUNK:
            padding = [(0, CHUNK - number)] + [(0, 0)] * (rows.ndim - 1)
            chunk = np.pad(chunk, padding)
        outputs.append(function(tf.constant(chunk)).numpy()[:number])
    return np.concatenate(outputs)
