"""The autoencoder whose latent space the codebooks quantise."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.dense import Dense
from moc_tf.global_batch import global_mean, global_sum
from moc_tf.indexing.configuration import AutoencoderConfig
from moc_tf.indexing.diversity import cross_correlation
from moc_tf.indexing.parallel_dense import ParallelDense
from moc_tf.indexing.parallel_quantizer import ParallelQuantizer
from moc_tf.indexing.quantizer import Quantization, Quantizer
from moc_tf.indexing.residual_quantizer import ResidualQuantizer
from moc_tf.indexing.squared_error import mean_squares

_QUANTIZERS: dict[str, type[Quantizer]] = {
    "parallel": ParallelQuantizer,
    "residual": ResidualQuantizer,
}


class CodeAutoencoder(keras.Model):
    """Encoder, latents, quantizer and decoder.

        z_n = P_n(Enc(x)),   x^ = Dec(mean_n q_n)
        loss = ||x - x^||² + codebook + beta * commitment + gamma * diversity

    where x is centred and scaled to unit mean square, every term is a mean over
    dimensions and batch, and codebook and commitment are the `Quantizer`'s.
    `latent="projected"` gives each codebook a linear head P_n; `"shared"` gives all
    the same latent. A residual quantizer has one latent, and the decoder receives the
    sum of its levels. `decoder="concatenated"` has x^ = Dec(q_1, ..., q_N), in N·D
    dimensions instead of D; `"per_codebook"` has x^ = mean_n Dec_n(q_n).

    While `warming` is set, the decoder receives the latents themselves.

    Args:
      config: shapes and weights of the terms.
      input_dim: X, dimensions of a vector.
    """

    def __init__(self, config: AutoencoderConfig, input_dim: int):
        super().__init__(name="code_autoencoder")
        self.config = config
        self.warming = False
        # Logs are means over all workers already, and would else be summed over them.
        self.distribute_reduction_method = "first"
        widths = config.hidden_units
        sequence = np.random.SeedSequence(config.seed)
        seeds = iter(sequence.generate_state(2 * len(widths) + 3).tolist())
        residual = config.quantizer == "residual"
        self._repeats = 1
        if config.latent == "shared" and not residual:
            self._repeats = config.num_codebooks
        heads = 1 if residual or self._repeats > 1 else config.num_codebooks

        self._encoder = [
            _dense(width, "relu", seeds, f"encoder_{i}", config.precision)
            for i, width in enumerate(widths)
        ]
        # In half precision many latents would be equally far from their codes.
        self._heads = _dense(
            heads * config.codebook_dim, None, seeds, "heads", "float32"
        )
        self._head_shape = (heads, config.codebook_dim)
        layer = _parallel_dense if config.decoder == "per_codebook" else _dense
        self._decoder = [
            layer(width, "relu", seeds, f"decoder_{i}", config.precision)
            for i, width in enumerate(reversed(widths))
        ]
        self._reconstruction = layer(
            input_dim, None, seeds, "reconstruction", config.precision
        )
        self.quantizer = _QUANTIZERS[config.quantizer](
            config.num_codebooks,
            config.codebook_size,
            config.codebook_dim,
            distance=config.distance,
            estimator=config.estimator,
            codebook_update=config.codebook_update,
            ema_decay=config.ema_decay,
            codebook_initializer=keras.initializers.RandomUniform(seed=next(seeds)),
            name="quantizer",
        )
        # Saved arrays have the weights' names, which no scope of a caller may change.
        with tf.name_scope(""):
            self.center = self._float32("center", (input_dim,), "zeros")
            self.scale = self._float32("scale", (), "ones")
            self.usage = self._float32(
                "usage",
                (config.num_codebooks, config.codebook_size),
                "zeros",
                aggregation=tf.VariableAggregation.SUM,
            )
            _, _, terms = self.forward(tf.zeros([1, input_dim]))  # creates the others
        self._means: dict[str, Any] = {}
        for name in ("loss", *terms):
            self._means[name] = keras.metrics.Mean(name=name)

    def _float32(
        self, name: str, shape: tuple[int, ...], initializer: str, **options: Any
    ) -> tf.Variable:
        """A weight that is not trained, in float32 whatever Keras' global policy is."""
        return self.add_weight(
            name=name,
            shape=shape,
            dtype="float32",
            initializer=initializer,
            trainable=False,
            **options,
        )

    @property
    def metrics(self) -> list:
        """Means of the loss terms over the epoch."""
        return list(self._means.values())

    @property
    def state(self) -> list[tf.Variable]:
        """The weights that codes and reconstructions depend on."""
        learned = self.trainable_variables
        if not self.quantizer.codebooks.trainable:
            learned = [*learned, self.quantizer.codebooks]
        return [*learned, self.center, self.scale]

    def normalise(self, vectors: tf.Tensor) -> tf.Tensor:
        """Vectors [batch, X] of any float type as the float32 that the loss sees."""
        return (tf.cast(vectors, tf.float32) - self.center) / self.scale

    def latents(self, normalised: tf.Tensor) -> tf.Tensor:
        """Latents z: float32 [batch, N, D]; [batch, 1, D] where levels are residual."""
        hidden = normalised
        for layer in self._encoder:
            hidden = layer(hidden)
        latents = tf.reshape(self._heads(hidden), [-1, *self._head_shape])
        if self._repeats > 1:
            latents = tf.repeat(latents, self._repeats, axis=1)
        return latents

    def reconstruct(self, quantized: tf.Tensor) -> tf.Tensor:
        """Decodes what codes stand for [batch, N or 1, D]: normalised [batch, X]."""
        hidden = quantized
        if self.config.decoder == "shared":
            hidden = tf.reduce_mean(hidden, axis=1)
        elif self.config.decoder == "concatenated":
            hidden = tf.reshape(hidden, [-1, hidden.shape[1] * hidden.shape[2]])
        for layer in self._decoder:
            hidden = layer(hidden)
        decoded = tf.cast(self._reconstruction(hidden), tf.float32)
        if self.config.decoder == "per_codebook":
            decoded = tf.reduce_mean(decoded, axis=1)
        return decoded

    def forward(
        self, normalised: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor | None, tf.Tensor, dict[str, tf.Tensor]]:
        """Quantises and reconstructs.

        Returns:
          Codes, int32 [batch, N], None while warming; x^; and the loss terms by name,
          under a strategy this replica's share of them.
        """
        latents = self.latents(normalised)
        if self.warming:
            quantization = Quantization(None, latents, {})
        else:
            quantization = self.quantizer(latents, training=training)
        reconstruction = self.reconstruct(quantization.quantized)
        errors = mean_squares(normalised, reconstruction)
        terms = {"reconstruction": global_mean(errors), **quantization.losses}
        if self.config.diversity_weight:
            terms["diversity"] = cross_correlation(latents)
        return quantization.codes, reconstruction, terms

    def total_loss(self, terms: dict[str, tf.Tensor]) -> tf.Tensor:
        """The weighted sum of the loss terms."""
        weights = {
            "commitment": self.config.commitment_cost,
            "diversity": self.config.diversity_weight,
        }
        return tf.add_n([weights.get(name, 1.0) * term for name, term in terms.items()])

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One gradient step on vectors [batch, X]."""
        vectors, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        normalised = self.normalise(vectors)
        variables = self._trained_now()
        with tf.GradientTape() as tape:
            codes, _, terms = self.forward(normalised, training=True)
            loss = self.total_loss(terms)
        self.optimizer.apply_gradients(
            zip(tape.gradient(loss, variables), variables, strict=True)
        )
        if codes is not None:
            self.count_usage(codes)
        logs = {}
        for name, share in {**terms, "loss": loss}.items():
            self._means[name].update_state(global_sum(share))
            logs[name] = self._means[name].result()
        return logs

    def _trained_now(self) -> list[tf.Variable]:
        variables = self.trainable_variables
        if self.warming:  # the codebooks have no gradient yet
            return [v for v in variables if v is not self.quantizer.codebooks]
        return variables

    def count_usage(self, codes: tf.Tensor) -> None:
        """Adds the codes [batch, N] of a batch to the epoch's `usage` [N, K]."""
        num_codebooks, size = self.config.num_codebooks, self.config.codebook_size
        flat = tf.reshape(codes + size * tf.range(num_codebooks), [-1])
        counts = tf.math.bincount(
            flat, minlength=num_codebooks * size, maxlength=num_codebooks * size
        )
        counts = tf.cast(tf.reshape(counts, [num_codebooks, size]), tf.float32)
        self.usage.assign_add(counts)

    def call(self, vectors: tf.Tensor) -> Any:
        """Reconstruction of raw `vectors` [batch, X], in their own units."""
        _, reconstruction, _ = self.forward(self.normalise(vectors))
        return reconstruction * self.scale + self.center

    def encode(self, vectors: tf.Tensor) -> tf.Tensor:
        """Codes of raw `vectors` [batch, X]: int32 [batch, N]."""
        return self.quantizer.encode(self.latents(self.normalise(vectors)))

    def decode(self, codes: tf.Tensor) -> tf.Tensor:
        """Vectors that `codes` [batch, N] stand for: float32 [batch, X]."""
        decoded = self.reconstruct(self.quantizer.lookup(codes))
        return decoded * self.scale + self.center


def _dense(
    units: int,
    activation: str | None,
    seeds: Iterator[int],
    name: str,
    precision: str,
) -> keras.layers.Layer:
    initializer = keras.initializers.GlorotUniform(seed=next(seeds))
    return Dense(
        units, activation, kernel_initializer=initializer, name=name, dtype=precision
    )


def _parallel_dense(
    units: int,
    activation: str | None,
    seeds: Iterator[int],
    name: str,
    precision: str,
) -> keras.layers.Layer:
    return ParallelDense(
        units, activation, seed=next(seeds), name=name, dtype=precision
    )
