"""Resolves a choice given by name, by configuration or as an object."""

from collections.abc import Callable, Mapping
from typing import Any

from moc_tf._keras import keras


def get(
    identifier: Any,
    classes: Mapping[str, Callable[..., Any]],
    what: str,
    **options: Any,
) -> Any:
    """The layer that `identifier` stands for.

    Args:
      identifier: a key of `classes`, made with `options`; a layer, returned as it is;
        or the configuration of one, as `keras.layers.serialize` gives it.
      classes: name -> class of layer, or what else makes one of `options`.
      what: what is chosen, for the error message, such as "fusion".
      **options: arguments of the class of a name.

    Raises:
      ValueError: if it is none of these.
    """
    if isinstance(identifier, keras.layers.Layer):
        return identifier
    if isinstance(identifier, Mapping):
        return keras.layers.deserialize(dict(identifier))
    if isinstance(identifier, str) and identifier in classes:
        return classes[identifier](**options)
    raise ValueError(
        f"{what} must be a Keras layer or one of {sorted(classes)}. "
        f"Received: {identifier!r}."
    )
