"""DCN V2: cross layers beside an MLP."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from moc_tf._keras import keras


@keras.utils.register_keras_serializable(package="moc_tf")
class DCNv2(keras.layers.Layer):
    """Full-rank cross layers in parallel with an MLP, joined by one output unit.

        x_0 = concat(embeddings)
        x_{l+1} = x_0 * (W_l x_l + b_l) + x_l
        logit = w . concat(x_L, MLP(x_0)) + b

    Parameters, with D = F * d, L cross layers and widths h_1, ..., h_n:
    L (D² + D) + those of an MLP D -> h_1 -> ... -> h_n + (D + h_n + 1).

    Source: Wang et al., "DCN V2: Improved Deep & Cross Network and Practical Lessons
    for Web-scale Learning to Rank Systems", arXiv:2008.13535, the parallel structure.

    Args:
      num_cross_layers: L.
      hidden_units: widths of the MLP's ReLU layers, at least one.

    Call arguments:
      embeddings: float32 [batch, F, d].

    Returns:
      Logits, float32 [batch].
    """

    linear_term = False

    def __init__(
        self,
        num_cross_layers: int = 3,
        hidden_units: Sequence[int] = (256, 128, 64),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if num_cross_layers < 1 or not hidden_units:
            raise ValueError(
                "DCNv2 needs at least one cross layer and one hidden layer. Received: "
                f"num_cross_layers={num_cross_layers}, hidden_units={hidden_units}."
            )
        self.hidden_units = tuple(hidden_units)
        self.cross = [tfrs.layers.dcn.Cross() for _ in range(num_cross_layers)]
        self.mlp = tfrs.layers.blocks.MLP(list(hidden_units), final_activation="relu")
        self.output_unit = keras.layers.Dense(1, name="output_unit")

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Logits of `embeddings`."""
        _, num_fields, dim = embeddings.shape
        x0 = tf.reshape(embeddings, (-1, num_fields * dim))
        crossed = x0
        for cross in self.cross:
            crossed = cross(x0, crossed)
        joined = tf.concat([crossed, self.mlp(x0)], axis=-1)
        return tf.squeeze(self.output_unit(joined), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "num_cross_layers": len(self.cross),
            "hidden_units": list(self.hidden_units),
        }
