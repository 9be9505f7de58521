"""Vectors of any source as checked batches: where bad input stops."""

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np


def vector_batches(
    vectors: Any, width: int | None = None, batch_size: int = 8192
) -> Iterator[np.ndarray]:
    """Checked batches of `vectors`, in order.

    The pages of a memory map leave memory again when the batch after them is asked
    for, so that going through it takes no more than a batch.

    Args:
      vectors: float array [items, X], possibly memory-mapped, or an iterable of such
        arrays or tensors, such as a `tf.data.Dataset` of batches.
      width: X that is expected; None takes that of the first batch.
      batch_size: rows of a batch, but for the last, where `vectors` is an array.

    Yields:
      Float arrays [rows, X] of finite values, in the dtype of `vectors`.

    Raises:
      ValueError: if a batch is not two-dimensional, not of floats, not finite, or of
        another width.
    """
    memory_map = None
    if isinstance(vectors, list | tuple) or hasattr(vectors, "__array__"):
        array = np.asarray(vectors)
        memory_map = _memory_map(array)
        _check_shape(array, width)
        parts: Any = (
            array[start : start + batch_size]
            for start in range(0, len(array), batch_size)
        )
    else:
        parts = (np.asarray(batch) for batch in vectors)
    row = 0
    for part in parts:
        _check_shape(part, width)
        width = part.shape[1]
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


def _memory_map(array: np.ndarray) -> mmap.mmap | None:
    """The map of a file behind `array`, if there is one that can be read again."""
    base: Any = array
    while isinstance(base, np.ndarray):
        # What was written to a private copy of the file would be lost.
        if isinstance(base, np.memmap) and base.mode == "c":
            return None
        base = base.base
    has_advice = hasattr(mmap, "MADV_DONTNEED")  # not on Windows
    return base if isinstance(base, mmap.mmap) and has_advice else None


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
