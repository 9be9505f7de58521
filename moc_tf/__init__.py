"""Mixture-of-Codes: what an LLM knows about items, as codes inside a CTR ranker.

`moc_tf.indexing` turns item vectors into N parallel codes, `moc_tf.CodeTable`
carries them, and `moc_tf.ranking` puts them into a TensorFlow Recommenders
ranker. Subpackages load at their first use; importing `moc_tf` only makes sure
that `tf.keras` is Keras 2.
"""

import importlib
from typing import TYPE_CHECKING, Any

from moc_tf import _keras as _keras  # first: it picks Keras 2

if TYPE_CHECKING:
    from moc_tf import data, evaluation, indexing, ranking, training
    from moc_tf.code_table import CodeTable

__version__ = "0.1.0"

__all__ = ["CodeTable", "data", "evaluation", "indexing", "ranking", "training"]


def __getattr__(name: str) -> Any:
    if name == "CodeTable":
        from moc_tf.code_table import CodeTable

        return CodeTable
    if name in __all__:
        return importlib.import_module(f"moc_tf.{name}")
    raise AttributeError(f"module 'moc_tf' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
