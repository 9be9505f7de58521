"""What may stand in a code table: sizes and codes that have been checked."""

import numpy as np
import numpy.typing as npt


def as_size(value: int, what: str) -> int:
    """Returns a size; raises ValueError unless it is an integer in [1, 2**31)."""
    integral = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not integral or not 1 <= value <= np.iinfo(np.int32).max:
        raise ValueError(
            f"{what} must be an integer of at least 1 that int32 holds. "
            f"Received: {value!r}."
        )
    return int(value)


def as_codes(
    values: npt.ArrayLike, item_ids: np.ndarray, codebook_size: int
) -> np.ndarray:
    """Returns codes as int32 [items, N], a copy.

    Args:
      values: integers in [0, codebook_size), [items, N].
      item_ids: strings, [items], for the error message.
      codebook_size: K, different values of a code.

    Raises:
      ValueError: if they are not, naming the first offender.
    """
    codes = np.asarray(values)
    if codes.ndim != 2 or codes.shape[1] < 1:
        raise ValueError(
            "codes must have shape [items, num_codebooks], with at least one "
            f"codebook. Received: shape {codes.shape}."
        )
    if codes.dtype.kind not in "iu":
        raise ValueError(f"codes must be integers. Received: dtype {codes.dtype}.")
    if len(codes) != len(item_ids):
        raise ValueError(
            f"codes must have one row an item. Received: {len(codes)} rows for "
            f"{len(item_ids)} item_ids."
        )
    outside = np.argwhere((codes < 0) | (codes >= codebook_size))
    if outside.size:
        row, codebook = outside[0]
        raise ValueError(
            f"codes must lie in [0, {codebook_size}), the codebook_size. Received: "
            f"{codes[row, codebook]} for item {str(item_ids[row])!r} in codebook "
            f"{codebook}, and {len(outside) - 1} more outside."
        )
    return codes.astype(np.int32)
