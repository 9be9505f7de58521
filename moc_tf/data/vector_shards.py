"""Shards of item vectors, read in batches: for catalogues larger than the memory."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from moc_tf.data.vectors import ItemVectors

_COLUMNS = ("item_id", "embedding")
_PARQUET = re.compile(r".+\.parquet")
_TFRECORD = re.compile(r".+\.tfrecords?(-\d+-of-\d+)?")


class _Rows(NamedTuple):
    """Rows of a shard, as yet unchecked.

    Attributes:
      item_ids: identifiers, [rows]; None where there is none.
      lengths: values of each row, [rows]; -1 where there is no vector.
      values: all values, [sum of the lengths].
    """

    item_ids: list
    lengths: np.ndarray
    values: np.ndarray


def check_shard_name(name: str) -> None:
    """Raises ValueError unless `name` is that of a shard that can be read."""
    if not _PARQUET.fullmatch(name) and not _TFRECORD.fullmatch(name):
        raise ValueError(
            "A shard of item vectors must be named <name>.parquet, <name>.tfrecord or "
            f"<name>.tfrecord-00000-of-00016. Received: {name!r}."
        )


def read_shard(
    path: str | os.PathLike[str], batch_size: int = 4096
) -> Iterator[ItemVectors]:
    """Reads a shard of item vectors, holding a batch of them at a time.

    Args:
      path: by its name, one of

        * `<name>.parquet`: the columns `item_id` (strings, binary or integers) and
          `embedding` (lists of floats);
        * `<name>.tfrecord`, also with `-00000-of-00016` after it: `tf.train.Example`
          records with `item_id` (one bytes value) and `embedding` (a float list).

      batch_size: items of a batch, at most.

    Yields:
      The items in the order of the file; none of a shard without rows. Each batch is
      checked, but ids may be repeated between batches.

    Raises:
      ValueError: if the file is missing, of another kind, damaged, or does not hold
        vectors of one width. It names the file.
    """
    path = Path(path)
    check_shard_name(path.name)
    if not path.is_file():
        raise ValueError(f"There is no shard of item vectors {path}.")
    read = _read_parquet if _PARQUET.fullmatch(path.name) else _read_tfrecord
    start, width = 0, None
    try:
        for rows in read(path, batch_size):
            vectors = _as_vectors(rows, start, width)
            start += len(vectors)
            width = vectors.vectors.shape[1]
            yield vectors
    except ValueError as error:
        raise ValueError(
            f"The item vectors of {path} are unusable, in the rows from {start} on. "
            f"{error}"
        ) from error


def _read_parquet(path: Path, batch_size: int) -> Iterator[_Rows]:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        # Buffered: a row group may be larger than the memory.
        with pq.ParquetFile(path, buffer_size=2**20, pre_buffer=False) as file:
            _check_columns(file.schema_arrow)
            for batch in file.iter_batches(batch_size, columns=list(_COLUMNS)):
                vectors = batch["embedding"]
                values = pc.list_flatten(vectors)
                if values.null_count:
                    raise ValueError(
                        f"Vectors must be finite. Received: {values.null_count} nulls "
                        f"inside the vectors of the next {len(batch)} rows. Embed "
                        "these items again or drop their rows."
                    )
                lengths = pc.fill_null(pc.list_value_length(vectors), -1)
                yield _Rows(
                    batch["item_id"].to_pylist(),
                    lengths.to_numpy(zero_copy_only=False),
                    values.to_numpy(zero_copy_only=False),
                )
    except OSError as error:  # what Arrow raises for a damaged page
        raise ValueError(f"The file is damaged: {error}.") from error


def _check_columns(schema: Any) -> None:
    import pyarrow as pa

    if missing := sorted(set(_COLUMNS) - set(schema.names)):
        raise ValueError(
            "The columns must include 'item_id' and 'embedding'. Received: "
            f"{schema.names}, without {missing}."
        )
    kind = schema.field("embedding").type
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(is_kind(kind) for is_kind in lists):
        raise ValueError(
            f"The column 'embedding' must hold lists of floats. Received: {kind}."
        )


def _read_tfrecord(path: Path, batch_size: int) -> Iterator[_Rows]:
    import tensorflow as tf

    features = {
        "item_id": tf.io.FixedLenFeature([], tf.string),
        "embedding": tf.io.RaggedFeature(tf.float32),
    }
    try:
        for records in tf.data.TFRecordDataset(str(path)).batch(batch_size):
            parsed = tf.io.parse_example(records, features)
            embedding = parsed["embedding"]
            yield _Rows(
                parsed["item_id"].numpy().tolist(),
                embedding.row_lengths().numpy(),
                embedding.flat_values.numpy(),
            )
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
        raise ValueError(
            "Records must be tf.train.Example with 'item_id', one bytes value, and "
            f"'embedding', a float list. Received: {error.message}"
        ) from error


def _as_vectors(rows: _Rows, start: int, width: int | None) -> ItemVectors:
    """Checked vectors of `rows`, the first of which is row `start` of its file."""

    def told(row: int) -> str:
        return f"row {start + row} (item {rows.item_ids[row]!r})"

    if None in rows.item_ids:
        row = rows.item_ids.index(None)
        raise ValueError(
            f"Every row must have an item_id. Received: none in {told(row)}."
        )
    expected = rows.lengths[0] if width is None else width
    if (rows.lengths != expected).any():
        row = int(np.argmax(rows.lengths != expected))
        received = (
            f"{rows.lengths[row]} values" if rows.lengths[row] >= 0 else "no vector"
        )
        raise ValueError(
            f"Vectors must be as long as the first of their shard, {expected}. "
            f"Received: {received} in {told(row)}."
        )
    return ItemVectors(
        np.array(rows.item_ids, object),
        rows.values.reshape(len(rows.item_ids), max(int(expected), 0)),
    )
