"""Checks of what the layers of rankers are made with and built for."""

import numbers
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from moc_tf._keras import keras

_OR_NONE = ", or None"


def integer(
    layer: keras.layers.Layer, name: str, value: Any, otherwise: str = ""
) -> int:
    """`value` as an int.

    Args:
      layer: whose option it is, for the error message.
      name: of the option.
      value: what was given.
      otherwise: what else the option may be, for the error message.

    Raises:
      ValueError: if it is no integer of at least 1.
    """
    if not _is_integer(value, 1):
        raise ValueError(
            f"{name} of {type(layer).__name__} must be an integer of at least "
            f"1{otherwise}. Received: {value!r}."
        )
    return int(value)


def sizes(layer: keras.layers.Layer, **values: Any) -> None:
    """Raises ValueError unless each of `values`, by name, is as `integer` has it."""
    for name, value in values.items():
        integer(layer, name, value)


def optional_integer(layer: keras.layers.Layer, name: str, value: Any) -> int | None:
    """`value` as `integer` has it, or None; the error message says that it may be."""
    return None if value is None else integer(layer, name, value, _OR_NONE)


def integers(
    layer: keras.layers.Layer,
    name: str,
    value: Any,
    least: int = 1,
    length: int = 0,
    otherwise: str = "",
) -> tuple[int, ...]:
    """`value` as a tuple of ints.

    Args:
      layer: whose option it is, for the error message.
      name: of the option.
      value: what was given.
      least: what each must be at least.
      length: how many there must be at least.
      otherwise: what else the option may be, for the error message.

    Raises:
      ValueError: if it is no sequence of such integers.
    """
    if (
        not isinstance(value, Sequence)
        or len(value) < length
        or not all(_is_integer(each, least) for each in value)
    ):
        raise ValueError(
            f"{name} of {type(layer).__name__} must be a sequence of at least {length} "
            f"integers, each at least {least}{otherwise}. Received: {value!r}."
        )
    return tuple(int(each) for each in value)


def optional_integers(
    layer: keras.layers.Layer, name: str, value: Any, least: int = 1
) -> tuple[int, ...] | None:
    """`value` as `integers` has it, or None; the error message says that it may be."""
    if value is None:
        return None
    return integers(layer, name, value, least, otherwise=_OR_NONE)


def fields(
    layer: keras.layers.Layer, input_shape: Any, least: int = 1
) -> tuple[int, int]:
    """F and d of the embeddings [batch, F, d] that `layer` is built for.

    Args:
      layer: an interaction or a fusion, for the error message.
      input_shape: what Keras gives to its `build`.
      least: number of fields that the formula of the layer needs.

    Raises:
      ValueError: if it is another shape, or there are fewer fields.
    """
    shape = tf.TensorShape(input_shape)
    if shape.rank != 3 or None in shape[1:].as_list():
        raise ValueError(
            f"Layer {layer.name!r} expects embeddings of shape [batch, F, d], with "
            f"the number of fields F and the size d known. Received: shape {shape}."
        )
    if shape[1] < least:
        raise ValueError(
            f"{type(layer).__name__} is made of pairs of fields and needs at least "
            f"{least} fields. Received: embeddings of shape {shape}, {shape[1]} field. "
            "Give the schema more features, or take another interaction."
        )
    return shape[1], shape[2]


def _is_integer(value: Any, least: int) -> bool:
    return isinstance(value, numbers.Integral) and int(value) >= least
