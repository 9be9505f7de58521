"""Columns to batches: indices are shuffled, and batches gathered whole."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf.array_tensor import as_tensor

# For pipelines in which there is nothing to tune; see `fixed`. A data set inside a
# `flat_map` does not hand this on.
FIXED_PIPELINE = tf.data.Options()
FIXED_PIPELINE.autotune.enabled = False


def fixed(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The data set without autotuning, unless its options ask for that.

    The thread that tunes sleeps 10 ms, then 20, and twice as long each time. A pass
    whose last batch is taken ends when it wakes: one of 1.3 s after 2.5. Without it,
    what says `tf.data.AUTOTUNE` takes as many threads as there are cores.
    """
    if dataset.options().autotune.enabled is not None:
        return dataset
    return dataset.with_options(FIXED_PIPELINE)


def make_batches(
    columns: Mapping[str, np.ndarray],
    batch_size: int,
    shuffle_seed: int | None = None,
    joined: Mapping[str, np.ndarray] | None = None,
    join_key: str = "",
    drop_remainder: bool = False,
    first_pass: int = 0,
) -> tf.data.Dataset:
    """Batches of `columns`, with columns of another table joined to each row.

    No Python runs a row or a batch: a pass is one permutation, a batch one gather
    from each column, or from integers that lie side by side, in a prefetching thread.

    Args:
      columns: name -> array [rows, ...].
      batch_size: rows of a batch; the last may have fewer.
      shuffle_seed: None keeps the order; else each pass has its own random order.
        Two data sets of equal seed go through the same orders, pass by pass.
      joined: name -> array [keys, ...] whose row `columns[join_key]` is added to each
        row: attributes of items to interactions, say. It is stored once.
      join_key: name of the column, integers in [0, keys), to join by. The column
        itself does not appear in the batches.
      drop_remainder: leave out the last batch of an epoch if it is smaller, so that
        the shape of all batches is known.
      first_pass: number of the first pass, for a training that is resumed: its order
        is that of a data set that has gone through so many before.

    Returns:
      A finite `tf.data.Dataset` of dictionaries name -> tensor [batch, ...].

    Raises:
      ValueError: if columns differ in length, are empty, have fewer rows than one batch
        where the remainder is dropped, or a key is out of range.
    """
    rows = _common_length(columns, "Columns")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1. Received: {batch_size}.")
    if joined:
        _check_keys(columns, joined, join_key)
    gather, gather_joined = _gatherer(columns), _gatherer(joined or {})
    full, rest = divmod(rows, batch_size)
    count = full + (rest > 0 and not drop_remainder)
    if not count:
        raise ValueError(
            "With drop_remainder there must be at least as many rows as one batch has. "
            f"Received: {rows} rows and batch_size {batch_size}."
        )

    def one_pass(number: tf.Tensor) -> tf.data.Dataset:
        # The largest piece of memory that a pass needs; as integers of either size the
        # order is the same.
        order = tf.range(rows, dtype=tf.int32 if rows < 2**31 else tf.int64)
        if shuffle_seed is not None:
            seed = tf.stack([tf.constant(shuffle_seed, tf.int64), number])
            order = tf.random.experimental.stateless_shuffle(order, seed)

        def batch(step: tf.Tensor) -> dict[str, tf.Tensor]:
            # Of the whole order: a data set of its rows would handle each by itself.
            start = step * batch_size
            indices = order[start : start + batch_size]
            if drop_remainder:  # XLA, and so a TPU, asks for shapes that are known
                indices = tf.ensure_shape(indices, (batch_size,))
            gathered = gather(indices)
            if joined:
                gathered |= gather_joined(gathered.pop(join_key))
            return gathered

        return tf.data.Dataset.range(count).map(batch)

    batches = pass_number(first_pass).flat_map(one_pass).with_options(FIXED_PIPELINE)
    return batches.apply(tf.data.experimental.assert_cardinality(count)).prefetch(4)


def _gatherer(
    columns: Mapping[str, np.ndarray],
) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """A function from indices to these rows of `columns`.

    Integers of one type lie side by side in memory, so that those of a row are read at
    one place.
    """
    # TensorFlow has no strings of variable width but in arrays of objects.
    columns = {
        name: values.astype(object)
        if isinstance(values.dtype, np.dtypes.StringDType)
        else values
        for name, values in columns.items()
    }
    groups: dict[Any, list[str]] = {}
    for name, values in columns.items():
        dtype = tf.as_dtype(values.dtype)
        beside = dtype.is_integer and len(values.shape) <= 2
        groups.setdefault(dtype if beside else name, []).append(name)
    # As eager tensors these are captured by reference; arrays would become constants
    # in the graph.
    held = [
        (names, as_tensor(_side_by_side([columns[name] for name in names])))
        for names in groups.values()
    ]
    shapes = {name: tuple(values.shape[1:]) for name, values in columns.items()}

    def gather(indices: tf.Tensor) -> dict[str, tf.Tensor]:
        gathered = {}
        for names, values in held:
            rows = tf.gather(values, indices)
            if len(names) == 1:
                gathered[names[0]] = rows
                continue
            widths = [math.prod(shapes[name]) for name in names]
            for name, part in zip(names, tf.split(rows, widths, axis=1), strict=True):
                gathered[name] = part if shapes[name] else tf.squeeze(part, axis=1)
        return gathered

    return gather


def _side_by_side(columns: Sequence[np.ndarray]) -> Any:
    """A new array of these columns; a tensor, which cannot change, as it is."""
    if len(columns) == 1:
        return columns[0] if tf.is_tensor(columns[0]) else np.array(columns[0])
    flat = [np.asarray(values).reshape(len(values), -1) for values in columns]
    return np.concatenate(flat, axis=1)


def pass_number(first: int = 0) -> tf.data.Dataset:
    """A data set of one int64: `first` in the first pass over it, then one more each.

    Unlike `tf.data.Dataset.random`, it does not depend on the global seed. It is not
    from a generator: once a data set is, TensorFlow 2.21 makes glibc give back whatever
    is freed, and page faults take a quarter of the CPU time of training on it.
    """
    passes = itertools.count(first)

    def next_pass(_: tf.Tensor) -> tf.Tensor:
        number = tf.numpy_function(lambda: np.int64(next(passes)), [], tf.int64)
        return tf.ensure_shape(number, ())

    return tf.data.Dataset.range(1).map(next_pass)


def _common_length(columns: Mapping[str, np.ndarray], what: str) -> int:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1 or not all(lengths.values()):
        raise ValueError(
            f"{what} must be equally long and not empty. Received: {lengths}."
        )
    return next(iter(lengths.values()))


def _check_keys(
    columns: Mapping[str, np.ndarray], joined: Mapping[str, np.ndarray], join_key: str
) -> None:
    if join_key not in columns:
        raise ValueError(
            f"join_key must be one of the columns {sorted(columns)}. "
            f"Received: {join_key!r}."
        )
    size = _common_length(joined, "Joined columns")
    keys = columns[join_key]
    if keys.min() < 0 or keys.max() >= size:
        raise ValueError(
            f"{join_key!r} must lie in [0, {size}), the rows of the joined columns. "
            f"Received: values from {keys.min()} to {keys.max()}."
        )
    if overlap := (columns.keys() - {join_key}) & joined.keys():
        raise ValueError(f"Columns are joined under taken names: {sorted(overlap)}.")
