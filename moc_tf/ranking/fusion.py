"""Fusion of an item's code embeddings: [batch, N, d] -> [batch, N, d].

Every fusion serves the codes of any method: N is the number of fields that they have
in the ranker.
"""

import functools
from typing import Any

from moc_tf._keras import keras
from moc_tf.ranking import choices
from moc_tf.ranking.bottleneck_fusions import (
    ConcatMLPFusion,
    ResidualFusion,
    SelfGatingFusion,
)
from moc_tf.ranking.cross_attention_fusion import CrossAttentionFusion

_FUSIONS = {
    "none": keras.layers.Identity,
    "self_gating": SelfGatingFusion,
    "self_gating_linear": functools.partial(SelfGatingFusion, activation=None),
    "residual": ResidualFusion,
    "concat_mlp": ConcatMLPFusion,
    "cross_attention": CrossAttentionFusion,
}


def names() -> list[str]:
    """The names that `get` knows, in alphabetical order."""
    return sorted(_FUSIONS)


def get(identifier: Any, **layer_options: Any) -> keras.layers.Layer:
    """The fusion layer that `identifier` stands for.

    Args:
      identifier: "none" or None, which leaves the embeddings as they are;
        "self_gating", the paper's with ReLU, or "self_gating_linear", its Equation 8
        to the letter; the ablations "residual", "concat_mlp" and "cross_attention";
        any layer [batch, N, d] -> [batch, N, d]; or the configuration of one, as
        `keras.layers.serialize` gives it.
      **layer_options: arguments of a layer given by name, such as `dtype`; a layer or
        a configuration has its own.

    Raises:
      ValueError: if it is none of these.
    """
    identifier = "none" if identifier is None else identifier
    return choices.get(identifier, _FUSIONS, "fusion", **layer_options)
