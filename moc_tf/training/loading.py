"""Data sets by name, each loaded once in a process."""

from collections.abc import Callable

from moc_tf.data.ranking_data import RankingData
from moc_tf.data.vectors import ItemVectors

# Data set and vectors by name and protocol. Must be picklable, and equal to its copies.
Load = Callable[[str, str], tuple[RankingData, ItemVectors]]

_loaded: dict[tuple[Load, str, str], tuple[RankingData, ItemVectors]] = {}


def load_once(load: Load, name: str, protocol: str) -> tuple[RankingData, ItemVectors]:
    """What `load(name, protocol)` gives, of the first time that it is asked."""
    key = (load, name, protocol)
    if key not in _loaded:
        _loaded[key] = load(name, protocol)
    return _loaded[key]
