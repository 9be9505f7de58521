"""Checks of options, with one sentence for whatever is out of range."""

import math
import numbers
from typing import Any


def require(config: Any, name: str, holds: bool, wanted: str) -> None:
    """Raises ValueError unless option `name` of `config` `holds` what is `wanted`."""
    if not holds:
        raise ValueError(
            f"{name} must be {wanted}. Received: {getattr(config, name)!r}."
        )


def require_integers(config: Any, **least: int) -> None:
    """Raises ValueError unless each option is an integer of at least its value."""
    for name, value in least.items():
        require(
            config,
            name,
            is_integer(getattr(config, name), value),
            f"an integer of at least {value}",
        )


def is_integer(value: Any, least: int) -> bool:
    """Whether `value` is an integer, of Python or NumPy, of at least `least`."""
    return isinstance(value, numbers.Integral) and int(value) >= least


def is_weight(value: Any) -> bool:
    """Whether `value` is a finite number of at least 0."""
    return isinstance(value, numbers.Real) and 0 <= float(value) < math.inf
