"""Vectors of any source as checked batches: where bad input stops."""

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf


def vector_batches(
    vectors: Any, width: int | None = None, batch_size: int = 8192
) -> Iterator[np.ndarray]:
    """Checked batches of `vectors`, in order.

    The pages of a memory map leave memory again when the batch after them is asked
    for, so that going through it takes no more than a batch.

    Args:
      vectors: float array [items, X], possibly memory-mapped, a `tf.data.Dataset` of
        such batches, or another iterable of them.
      width: X that is expected; None takes that of the first batch.
      batch_size: rows of a batch, but for the last, where `vectors` is an array.

    Yields:
      Float arrays [rows, X] of finite values, in the dtype of `vectors`.

    Raises:
      ValueError: if a batch is not two-dimensional, not of floats, not finite, or of
        another width, or if a data set never ends.
    """
    memory_map = None
    if is_array(vectors):
        array = np.asarray(vectors)
        memory_map = _memory_map(array)
        _check_shape(array, width)
        parts: Any = (
            array[start : start + batch_size]
            for start in range(0, len(array), batch_size)
        )
    else:
        if isinstance(vectors, tf.data.Dataset):
            if vectors.cardinality() == tf.data.INFINITE_CARDINALITY:
                raise ValueError(
                    "The data set of vectors must end: it is gone through as a whole. "
                    "Received: an infinite one. Leave out its repeat()."
                )
            vectors = vectors.as_numpy_iterator()
        parts = (np.asarray(batch) for batch in vectors)
    row, first_width = 0, 0
    for part in parts:
        _check_shape(part, width)
        first_width = first_width or part.shape[1]
        if part.shape[1] != first_width:
            raise ValueError(
                "All vectors must have one width. Received: batches of "
                f"{first_width} and of {part.shape[1]} dimensions."
            )
        # All methods compute in float32, where a larger number would be Inf.
        with np.errstate(over="ignore"):
            finite = np.isfinite(part.astype(np.float32, copy=False))
        if not finite.all():
            finite = finite.all(axis=1)
            bad = int(np.argmin(finite))
            raise ValueError(
                f"Vectors must be finite in float32. Received: NaN or Inf in row "
                f"{row + bad}, and in {int((~finite).sum())} rows of the batch it is "
                "in. Drop these items or embed their text again."
            )
        row += len(part)
        if len(part):
            yield part
        if memory_map is not None:
            memory_map.madvise(mmap.MADV_DONTNEED)


def is_array(vectors: Any) -> bool:
    """Whether `vectors` are an array, or what NumPy makes one of at once."""
    return isinstance(vectors, list | tuple) or hasattr(vectors, "__array__")


def _memory_map(array: np.ndarray) -> mmap.mmap | None:
    """The map of a file behind `array`, if there is one that can be read again."""
    base: Any = array
    of_file = False
    while isinstance(base, np.ndarray):
        # What was written to a map that is private would be lost, and only those of
        # NumPy tell what they are.
        if isinstance(base, np.memmap):
            of_file = base.mode in ("r", "r+", "w+")
        base = base.base
    has_advice = hasattr(mmap, "MADV_DONTNEED")  # not on Windows
    return base if of_file and isinstance(base, mmap.mmap) and has_advice else None


def _check_shape(vectors: np.ndarray, width: int | None) -> None:
    """Raises ValueError unless `vectors` is a float array [items, width]."""
    if vectors.ndim != 2 or vectors.dtype.kind != "f" or not vectors.shape[1]:
        raise ValueError(
            f"Vectors must be a float array [items, X]. Received: {vectors.dtype} "
            f"{list(vectors.shape)}."
        )
    if width is not None and vectors.shape[1] != width:
        raise ValueError(
            f"Vectors must have the width that was fitted, {width}. "
            f"Received: {vectors.shape[1]}. Was another text encoder used?"
        )
