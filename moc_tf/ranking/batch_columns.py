"""Columns of a batch, checked: of the mistakes that would else train silently."""

from collections.abc import Mapping, Sequence

import tensorflow as tf


def column(batch: Mapping[str, tf.Tensor], name: str) -> tf.Tensor:
    """The values under `name`.

    Raises:
      ValueError: if they are not one an example, [batch].
    """
    values = batch[name]
    if not tf.is_tensor(values):
        values = tf.convert_to_tensor(values)
    if values.shape.rank not in (1, None):
        raise ValueError(
            f"{name!r} must have one value an example, [batch]. Received: shape "
            f"{values.shape}."
        )
    return values


def id_columns(batch: Mapping[str, tf.Tensor], names: Sequence[str]) -> list[tf.Tensor]:
    """Integers [batch] of one type under each of `names`.

    Raises:
      ValueError: if some are no integers [batch].
    """
    ids = [column(batch, name) for name in names]
    for name, each in zip(names, ids, strict=True):
        if not each.dtype.is_integer:
            raise ValueError(
                f"{name!r} must hold integers. Received: {each.dtype.name}."
            )
    one_type = len({each.dtype for each in ids}) == 1
    return ids if one_type else [tf.cast(each, tf.int64) for each in ids]


def bounded_column(batch: Mapping[str, tf.Tensor], name: str, most: float) -> tf.Tensor:
    """Float32 [batch]; running it fails if one is below 0, above `most`, or NaN.

    Raises:
      ValueError: if there is not one value an example, [batch].
    """
    values = tf.cast(column(batch, name), tf.float32)
    inside = tf.reduce_all((values >= 0) & (values <= most))

    def explain() -> tf.Tensor:
        message = [
            # No quotes: TensorFlow escapes them.
            f"The column {name} of a batch must lie from 0 to {most:g}. Received: from",
            tf.reduce_min(values),
            "up to",
            tf.reduce_max(values),
            "Are there missing values, or ratings in place of labels?",
        ]
        tf.raw_ops.Assert(condition=inside, data=message)
        return inside

    # Only a failure pays for the figures in its message.
    with tf.control_dependencies([tf.cond(inside, lambda: inside, explain)]):
        return tf.identity(values)
