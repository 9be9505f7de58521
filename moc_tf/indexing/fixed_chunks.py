"""Rows through a graph in chunks of one size, whatever the size of the batch."""

import concurrent.futures
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from moc_tf.array_tensor import as_tensor
from moc_tf.cores import num_threads

# Every call of the graph has this many rows, so that a vector's codes cannot depend on
# how many others it is encoded with: matrix kernels differ by size, in the last bit.
# Fewer rows leave threads waiting for one another, and one new item needs all of them.
CHUNK = 2048


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

    def of_chunk(start: int) -> np.ndarray:
        chunk = rows[start : start + CHUNK]
        number = len(chunk)
        if number < CHUNK:
            padding = [(0, CHUNK - number)] + [(0, 0)] * (rows.ndim - 1)
            chunk = np.pad(chunk, padding)
        return function(as_tensor(chunk)).numpy()[:number]

    starts = range(0, max(len(rows), 1), CHUNK)
    # A chunk by itself leaves cores idle: not every kernel uses all of them, and none
    # runs while rows are copied.
    at_a_time = min(len(starts), num_threads() + 1)
    if at_a_time == 1:
        return np.concatenate([of_chunk(start) for start in starts])
    with concurrent.futures.ThreadPoolExecutor(at_a_time) as pool:
        return np.concatenate(list(pool.map(of_chunk, starts)))
