"""The interaction parts of rankers: field embeddings [batch, F, d] -> logits [batch].

An interaction is a Keras layer. If it has a true attribute `linear_term`, the ranker
adds to its logits one weight for each id of an example.
"""

from typing import Any

from moc_tf._keras import keras
from moc_tf.ranking import choices
from moc_tf.ranking.dcn_v2 import DCNv2
from moc_tf.ranking.deepfm import DeepFM

_INTERACTIONS = {"dcn_v2": DCNv2, "deepfm": DeepFM}


def get(identifier: Any, **options: Any) -> keras.layers.Layer:
    """The interaction layer that `identifier` stands for.

    Args:
      identifier: "dcn_v2" or "deepfm"; any layer [batch, F, d] -> [batch]; or the
        configuration of one, as `keras.layers.serialize` gives it.
      **options: arguments of a layer given by name, such as `hidden_units`.

    Raises:
      ValueError: if it is none of these.
    """
    return choices.get(identifier, _INTERACTIONS, "interaction", **options)
