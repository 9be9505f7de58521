"""The number format that a model computes in."""

import contextlib
from collections.abc import Iterator

from moc_tf._keras import keras

PRECISIONS = ("float32", "mixed_bfloat16")


@contextlib.contextmanager
def built_in(precision: str) -> Iterator[None]:
    """Layers that are made inside compute in `precision`; Keras' own choice returns.

    "mixed_bfloat16" keeps weights, their gradients and the optimizer in float32 and
    multiplies in bfloat16, which has float32's range, so that no loss scaling is
    needed. The matrices of `DCNv2`'s cross layers stay in float32, since TFRS makes
    them so. A `Ranker` gives its logits in float32 either way, and so is the loss.

    Args:
      precision: one of `PRECISIONS`.

    Raises:
      ValueError: if it is none of them, such as "mixed_float16", whose small gradients
        become zero unless the loss is scaled, which nothing here does.
    """
    if precision not in PRECISIONS:
        raise ValueError(
            f"Rankers compute in one of {list(PRECISIONS)}. Received: {precision!r}."
        )
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(precision)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def check_same(layer: keras.layers.Layer, precision: str, what: str) -> None:
    """Raises ValueError if `layer` was made for another precision than its model's.

    Args:
      layer: part of a model, which the user may have made.
      precision: what the model computes in, such as one of `PRECISIONS`.
      what: the part, for the error message, such as "interaction".
    """
    if layer.dtype_policy.name != precision:
        raise ValueError(
            f"The {what} must compute in what its ranker computes in, {precision!r}. "
            f"Received: {type(layer).__name__} of dtype {layer.dtype_policy.name!r}. "
            f"Make it with dtype={precision!r}, or give its name."
        )
