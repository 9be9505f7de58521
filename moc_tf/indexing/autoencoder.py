"""The autoencoder whose latent space the codebooks quantise."""

from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.indexing.configuration import AutoencoderConfig
from moc_tf.indexing.diversity import cross_correlation
from moc_tf.indexing.parallel_quantizer import ParallelQuantizer, Quantization


class CodeAutoencoder(keras.Model):
    """Encoder, one head a codebook, quantizer and one shared decoder.

        z_n = P_n(Enc(x)),   x^ = Dec(mean_n q_n)
        loss = ||x - x^||² + codebook + beta * commitment + gamma * diversity

    where x is centred and scaled to unit mean square, every term is a mean over
    dimensions and batch, and codebook and commitment are `ParallelQuantizer`'s.
    `latent="projected"` gives each codebook a linear head P_n; `"shared"` gives all
    the same latent.

    Args:
      config: shapes and weights of the terms.
      input_dim: X, dimensions of a vector.
    """

    def __init__(self, config: AutoencoderConfig, input_dim: int):
        super().__init__(name="code_autoencoder")
        self.config = config
        widths = config.hidden_units
        sequence = np.random.SeedSequence(config.seed)
        seeds = iter(sequence.generate_state(2 * len(widths) + 3).tolist())

        def dense(units: int, activation: str | None, name: str) -> keras.layers.Dense:
            return keras.layers.Dense(
                units,
                activation,
                kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
                name=name,
            )

        heads = config.num_codebooks if config.latent == "projected" else 1
        self._encoder = [dense(w, "relu", f"encoder_{i}") for i, w in enumerate(widths)]
        self._heads = dense(heads * config.codebook_dim, None, "heads")
        self._head_shape = (heads, config.codebook_dim)
        self._decoder = [
            dense(w, "relu", f"decoder_{i}") for i, w in enumerate(reversed(widths))
        ]
        self._reconstruction = dense(input_dim, None, "reconstruction")
        self.quantizer = ParallelQuantizer(
            config.num_codebooks,
            config.codebook_size,
            config.codebook_dim,
            keras.initializers.RandomUniform(seed=next(seeds)),
            name="quantizer",
        )
        self.center = self.add_weight(
            name="center", shape=(input_dim,), initializer="zeros", trainable=False
        )
        self.scale = self.add_weight(
            name="scale", shape=(), initializer="ones", trainable=False
        )
        self.usage = self.add_weight(
            name="usage",
            shape=(config.num_codebooks, config.codebook_size),
            initializer="zeros",
            trainable=False,
            aggregation=tf.VariableAggregation.SUM,
        )
        names = ["loss", "reconstruction", "codebook", "commitment"]
        names += ["diversity"] if config.diversity_weight else []
        self._means = {name: keras.metrics.Mean(name=name) for name in names}
        self.forward(tf.zeros([1, input_dim]))  # creates the weights

    @property
    def metrics(self) -> list:
        """Means of the loss terms over the epoch."""
        return list(self._means.values())

    @property
    def state(self) -> list[tf.Variable]:
        """The weights that codes and reconstructions depend on."""
        return [*self.trainable_variables, self.center, self.scale]

    def normalise(self, vectors: tf.Tensor) -> tf.Tensor:
        """Vectors [batch, X] of any float type as the float32 that the loss sees."""
        return (tf.cast(vectors, tf.float32) - self.center) / self.scale

    def latents(self, normalised: tf.Tensor) -> tf.Tensor:
        """Latents z: float32 [batch, N, D]."""
        hidden = normalised
        for layer in self._encoder:
            hidden = layer(hidden)
        latents = tf.reshape(self._heads(hidden), [-1, *self._head_shape])
        if self.config.latent == "shared":
            latents = tf.repeat(latents, self.config.num_codebooks, axis=1)
        return latents

    def reconstruct(self, quantized: tf.Tensor) -> tf.Tensor:
        """Decodes code vectors [batch, N, D] to normalised vectors [batch, X]."""
        hidden = self.quantizer.combine(quantized)
        for layer in self._decoder:
            hidden = layer(hidden)
        return self._reconstruction(hidden)

    def forward(
        self, normalised: tf.Tensor
    ) -> tuple[Quantization, tf.Tensor, dict[str, tf.Tensor]]:
        """Quantises and reconstructs: (quantization, x^, loss terms by name)."""
        latents = self.latents(normalised)
        quantization = self.quantizer(latents)
        reconstruction = self.reconstruct(quantization.quantized)
        terms = {
            "reconstruction": tf.reduce_mean(tf.square(normalised - reconstruction)),
            **quantization.losses,
        }
        if self.config.diversity_weight:
            terms["diversity"] = cross_correlation(latents)
        return quantization, reconstruction, terms

    def total_loss(self, terms: dict[str, tf.Tensor]) -> tf.Tensor:
        """The weighted sum of the loss terms."""
        loss = terms["reconstruction"] + terms["codebook"]
        loss += self.config.commitment_cost * terms["commitment"]
        if self.config.diversity_weight:
            loss += self.config.diversity_weight * terms["diversity"]
        return loss

    def train_step(self, vectors: tf.Tensor) -> dict[str, tf.Tensor]:
        """One gradient step on `vectors` [batch, X]."""
        normalised = self.normalise(vectors)
        with tf.GradientTape() as tape:
            quantization, _, terms = self.forward(normalised)
            loss = self.total_loss(terms)
        variables = self.trainable_variables
        self.optimizer.apply_gradients(
            zip(tape.gradient(loss, variables), variables, strict=True)
        )
        self.count_usage(quantization.codes)
        for name, value in {**terms, "loss": loss}.items():
            self._means[name].update_state(value)
        return {metric.name: metric.result() for metric in self.metrics}

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
