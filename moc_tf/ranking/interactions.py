"""The interaction parts of rankers: field embeddings [batch, F, d] -> logits [batch].

An interaction is a Keras layer. If it has a true attribute `linear_term`, the ranker
adds to its logits one weight for each id of an example.
"""

import inspect
from typing import Any

from moc_tf._keras import keras
from moc_tf.ranking import choices
from moc_tf.ranking.autoint_plus import AutoIntPlus
from moc_tf.ranking.dcn_v2 import DCNv2
from moc_tf.ranking.deepfm import DeepFM
from moc_tf.ranking.dlrm import DLRM
from moc_tf.ranking.fmfm import FmFM
from moc_tf.ranking.ipnn import IPNN
from moc_tf.ranking.xdeepfm import XDeepFM

_INTERACTIONS = {
    "autoint_plus": AutoIntPlus,
    "dcn_v2": DCNv2,
    "deepfm": DeepFM,
    "dlrm": DLRM,
    "fmfm": FmFM,
    "ipnn": IPNN,
    "xdeepfm": XDeepFM,
}
_OPTIONS_OF_EVERY_LAYER = {"dtype", "name", "trainable"}


def names() -> list[str]:
    """The names that `get` knows, in alphabetical order."""
    return sorted(_INTERACTIONS)


def options(name: str) -> set[str]:
    """Names of the options that `get(name, ...)` takes.

    They are the arguments of the layer's constructor, and do not count those that every
    Keras layer has. All but "fmfm" have an MLP and so the option "hidden_units".

    Raises:
      ValueError: if the name is unknown; the message lists the known ones.
    """
    if name not in _INTERACTIONS:
        raise ValueError(f"interaction must be one of {names()}. Received: {name!r}.")
    parameters = inspect.signature(_INTERACTIONS[name]).parameters.values()
    return {each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD}


def get(identifier: Any, **layer_options: Any) -> keras.layers.Layer:
    """The interaction layer that `identifier` stands for.

    Example:
      >>> interactions.get("xdeepfm", cin_units=(32, 32), hidden_units=(64,))

    Args:
      identifier: one of `names()`; any layer [batch, F, d] -> [batch]; or the
        configuration of one, as `keras.layers.serialize` gives it.
      **layer_options: arguments of a layer given by name; see `options`.

    Raises:
      ValueError: if it is none of these, or an option is not the layer's.
    """
    if layer_options and not isinstance(identifier, str):
        raise ValueError(
            "Options make a layer that is given by name; a layer or a configuration "
            f"has its own. Received: {sorted(layer_options)} for {identifier!r}."
        )
    if isinstance(identifier, str) and identifier in _INTERACTIONS:
        unknown = set(layer_options) - options(identifier) - _OPTIONS_OF_EVERY_LAYER
        if unknown:
            raise ValueError(
                f"Options of {identifier!r} must be among "
                f"{sorted(options(identifier))}. Received: {sorted(unknown)}."
            )
    return choices.get(identifier, _INTERACTIONS, "interaction", **layer_options)
