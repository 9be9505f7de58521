"""Values that JSON keeps exactly."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from moc_tf._artefact.errors import ArtefactError


def plain_json(value: Any, what: str) -> Any:
    """Returns a copy of `value` that JSON keeps exactly.

    Args:
      value: None, a boolean, number or string, or mappings (with string keys),
        lists and tuples of such. NumPy scalars become Python's, tuples lists.
      what: its name, for the error message.

    Raises:
      ArtefactError: if JSON cannot keep it: arrays, NaN, infinity, other objects.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return [plain_json(v, f"{what}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ArtefactError(
                    f"JSON has only strings as keys, and {what} has another. "
                    f"Received: {key!r}. Convert its keys with str()."
                )
        return {key: plain_json(v, f"{what}[{key!r}]") for key, v in value.items()}
    raise ArtefactError(
        f"{what} must be None, a boolean, a finite number, a string, or lists and "
        f"dictionaries of such, to be kept as JSON. Received: {value!r} of type "
        f"{type(value).__name__}."
    )
