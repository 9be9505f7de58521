"""Embeddings of numbers."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.data.dense_features import NumericFeature
from moc_tf.ranking import layer_checks
from moc_tf.ranking.embeddings import INITIAL_STDDEV


@keras.utils.register_keras_serializable(package="moc_tf")
class NumericEmbedding(keras.layers.Layer):
    """Embeds F numbers: each standardised, times a vector of its own, plus another.

        z_f = (t_f(x_f) - mean_f) / scale_f,    t_f(x) = log(1 + x) or x
        output_f = z_f * w_f + b_f

    Numbers are standardised in float32, whatever the precision of the model; integers
    and float64, such as times, in float64, since float32 would round what tells them
    apart. Parameters: 2 * F * d, or F * d without `use_bias`.

    Example:
      >>> layer = NumericEmbedding([NumericFeature("price", 2.5, 0.8, log1p=True)], 16)
      >>> layer(tf.constant([[9.99], [120.0]])).shape
      TensorShape([2, 1, 16])

    Args:
      features: what standardises each number.
      embedding_dim: d, the size of an embedding.
      embeddings_initializer: of the w_f; None is a normal distribution with standard
        deviation 0.01. The b_f start at zero.
      use_bias: whether there are b_f; a linear term needs none.

    Call arguments:
      numbers: floats or integers [batch, F].

    Returns:
      float32 [batch, F, embedding_dim].

    Raises:
      ValueError: if `numbers` have another shape.
      tf.errors.InvalidArgumentError: if a number is not finite, or at most -1 where its
        logarithm is taken. XLA drops this check, as it drops every assertion.
    """

    def __init__(
        self,
        features: Sequence[NumericFeature],
        embedding_dim: int,
        embeddings_initializer: Any = None,
        use_bias: bool = True,
        **kwargs: Any,
    ):
        # Half precision would round the numbers before they are standardised.
        super().__init__(autocast=False, **kwargs)
        if not features:
            raise ValueError("features must hold at least one. Received: none.")
        self.features = tuple(features)
        self.embedding_dim = layer_checks.integer(self, "embedding_dim", embedding_dim)
        self.embeddings_initializer = keras.initializers.get(
            keras.initializers.RandomNormal(stddev=INITIAL_STDDEV)
            if embeddings_initializer is None
            else embeddings_initializer
        )
        self.use_bias = use_bias

    def build(self, input_shape: Any) -> None:
        """Creates the weights."""
        shape = (len(self.features), self.embedding_dim)
        self.kernel = self.add_weight(
            name="kernel", shape=shape, initializer=self.embeddings_initializer
        )
        self.bias: Any = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=shape, initializer="zeros")
        super().build(input_shape)

    def call(self, numbers: tf.Tensor) -> tf.Tensor:
        """Embeds `numbers`."""
        expected = (None, len(self.features))
        if not numbers.shape.is_compatible_with(expected):
            raise ValueError(
                f"Layer {self.name!r} embeds {len(self.features)} numbers and expects "
                f"shape [batch, {len(self.features)}]. Received: shape {numbers.shape}."
            )
        standardised = tf.cast(self._standardise(numbers), self.compute_dtype)
        embedded = standardised[:, :, tf.newaxis] * self.kernel
        return embedded if self.bias is None else embedded + self.bias

    def _standardise(self, numbers: tf.Tensor) -> tf.Tensor:
        """Float32 [batch, F] with mean 0 and deviation 1; fails where not finite."""
        x = tf.cast(numbers, exact_dtype([numbers]))
        logarithmic = [feature.log1p for feature in self.features]
        if any(logarithmic):
            x = tf.where(logarithmic, tf.math.log1p(x), x)
        means = [feature.mean for feature in self.features]
        z = (x - means) / [feature.scale for feature in self.features]
        z = tf.cast(z, tf.float32)
        finite = tf.reduce_all(tf.math.is_finite(z))

        def explain() -> tf.Tensor:
            names = ", ".join(feature.name for feature in self.features)
            message = [
                f"Layer {self.name} received a number without a place on its scale: "
                "numbers must be finite, and above -1 where log1p is taken. Features: "
                f"{names}. Received: from",
                tf.reduce_min(numbers, axis=0),
                "up to",
                tf.reduce_max(numbers, axis=0),
                "Give missing values a number.",
            ]
            tf.raw_ops.Assert(
                condition=finite, data=message, summarize=len(self.features)
            )
            return finite

        # Only a failure pays for the figures in its message.
        with tf.control_dependencies([tf.cond(finite, lambda: finite, explain)]):
            return tf.identity(z)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "features": [dataclasses.asdict(feature) for feature in self.features],
            "embedding_dim": self.embedding_dim,
            "embeddings_initializer": keras.initializers.serialize(
                self.embeddings_initializer
            ),
            "use_bias": self.use_bias,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "NumericEmbedding":
        """The layer that `get_config` described."""
        values = dict(config)
        features = [NumericFeature(**entry) for entry in values.pop("features")]
        return cls(features, **values)


def exact_dtype(tensors: Sequence[tf.Tensor]) -> tf.DType:
    """Floats that tell apart what all of `tensors` do: float32 or float64."""
    wide = any(each.dtype.is_integer or each.dtype == tf.float64 for each in tensors)
    return tf.float64 if wide else tf.float32
