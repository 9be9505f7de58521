"""DCN V2: cross layers, and an MLP beside or behind them."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from moc_tf._keras import keras
from moc_tf.ranking import layer_checks
from moc_tf.ranking.logit_mlp import logit_unit, relu_layers


@keras.utils.register_keras_serializable(package="moc_tf")
class DCNv2(keras.layers.Layer):
    """Cross layers and an MLP, joined by one output unit.

        x_0 = concat(embeddings)
        x_{l+1} = x_0 * (W_l x_l + b_l) + x_l
        parallel: logit = w . concat(x_L, MLP(x_0)) + b
        stacked:  logit = w . MLP(x_L) + b

    Parameters, with D = F * d, L cross layers and widths h_1, ..., h_n:
    L (D² + D) + those of an MLP D -> h_1 -> ... -> h_n + (h_n + 1), and D more if
    parallel. A low rank r makes each D² of the cross layers 2 D r.

    Source: Wang et al., "DCN V2: Improved Deep & Cross Network and Practical Lessons
    for Web-scale Learning to Rank Systems", arXiv:2008.13535, Section 3. The cross
    layers are TFRS', which under "mixed_bfloat16" multiply by W_l in float32: half
    precision makes the MLP faster, not them.

    Args:
      num_cross_layers: L.
      hidden_units: widths of the MLP's ReLU layers, at least one.
      structure: "parallel" or "stacked".
      projection_dim: r, so that W_l = U_l V_l is of rank r, Equation 2; None is full.

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
        structure: str = "parallel",
        projection_dim: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if structure not in ("parallel", "stacked"):
            raise ValueError(
                "structure of DCNv2 must be 'parallel' or 'stacked'. "
                f"Received: {structure!r}."
            )
        depth = layer_checks.integer(self, "num_cross_layers", num_cross_layers)
        self.hidden_units = layer_checks.integers(
            self, "hidden_units", hidden_units, length=1
        )
        self.structure = structure
        self.projection_dim = layer_checks.optional_integer(
            self, "projection_dim", projection_dim
        )
        precision = self.dtype_policy.name
        self.cross = [
            tfrs.layers.dcn.Cross(
                self.projection_dim, dtype=precision, name=f"cross_{layer}"
            )
            for layer in range(depth)
        ]
        self.mlp = relu_layers(self.hidden_units, precision)
        self.output_unit = logit_unit()

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Logits of `embeddings`."""
        num_fields, dim = layer_checks.fields(self, embeddings.shape)
        x0 = crossed = tf.reshape(embeddings, (-1, num_fields * dim))
        for cross in self.cross:
            crossed = cross(x0, crossed)
        if self.structure == "stacked":
            joined = self.mlp(crossed)
        else:
            joined = tf.concat([crossed, self.mlp(x0)], axis=-1)
        return tf.squeeze(self.output_unit(joined), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "num_cross_layers": len(self.cross),
            "hidden_units": list(self.hidden_units),
            "structure": self.structure,
            "projection_dim": self.projection_dim,
        }
