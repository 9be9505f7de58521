"""N parallel codebooks: every latent picks the nearest code of its own codebook."""

from typing import Any, NamedTuple

import tensorflow as tf

from moc_tf._keras import keras


class Quantization(NamedTuple):
    """What a quantizer makes of a batch of latents.

    Attributes:
      codes: int32 [batch, N], index of the chosen code in each codebook.
      quantized: float32 [batch, N, D], the chosen codes' vectors, through which
        gradients reach the latents unchanged (straight-through estimator).
      losses: name -> float32 scalar, unweighted; means over batch, N and D.
    """

    codes: tf.Tensor
    quantized: tf.Tensor
    losses: dict[str, tf.Tensor]


def nearest_codes(latents: tf.Tensor, codebooks: tf.Tensor) -> tf.Tensor:
    """Index of the nearest code: argmin_k ||z_n - E_n[k]||², ties to the lowest k.

    ||z||² is the same for all codes of a codebook, so it is left out.

    Args:
      latents: float32 [batch, N, D].
      codebooks: float32 [N, K, D].

    Returns:
      int32 [batch, N].

    Raises:
      ValueError: if the latents have another N or D than the codebooks.
    """
    num_codebooks, _, dim = codebooks.shape
    shape = tf.TensorShape(latents.shape)
    # Not left to the product below, which would broadcast a single latent.
    if not shape.is_compatible_with([None, num_codebooks, dim]):
        raise ValueError(
            f"Latents must have shape [batch, num_codebooks, codebook_dim] = "
            f"[batch, {num_codebooks}, {dim}]. Received: {shape}."
        )
    products = tf.matmul(tf.transpose(latents, [1, 0, 2]), codebooks, transpose_b=True)
    halved_norms = 0.5 * tf.reduce_sum(tf.square(codebooks), axis=-1)
    scores = halved_norms[:, tf.newaxis, :] - products  # [N, batch, K]
    return tf.transpose(tf.argmin(scores, axis=-1, output_type=tf.int32))


@keras.utils.register_keras_serializable(package="moc_tf")
class ParallelQuantizer(keras.layers.Layer):
    """Quantises N latents with N independent codebooks (VQ-VAE's rule, N times).

    With z_n a latent, E_n its codebook, sg the stop-gradient:

        c_n = argmin_k ||z_n - E_n[k]||²,   q_n = E_n[c_n]
        quantized_n = z_n + sg(q_n - z_n)
        losses: codebook   = mean ||sg z_n - q_n||²
                commitment = mean ||z_n - sg q_n||²

    Source: Zhang et al., "Towards Scalable Semantic Representation for
    Recommendation", arXiv:2410.09560; van den Oord et al., "Neural Discrete
    Representation Learning", arXiv:1711.00937. The squared norms are averaged over
    dimensions as well as over the batch, a choice of ours.

    Args:
      num_codebooks: N.
      codebook_size: K, codes in a codebook.
      codebook_dim: D, dimensions of a code.
      codebook_initializer: of the one weight `codebooks`, [N, K, D]. An indexer
        replaces the initial values by k-means centroids.

    Call arguments:
      latents: float32 [batch, N, D].

    Returns:
      A `Quantization`.
    """

    def __init__(
        self,
        num_codebooks: int,
        codebook_size: int,
        codebook_dim: int,
        codebook_initializer: Any = "uniform",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        for name, value in (
            ("num_codebooks", num_codebooks),
            ("codebook_size", codebook_size),
            ("codebook_dim", codebook_dim),
        ):
            if value < 1:
                raise ValueError(f"{name} must be at least 1. Received: {value}.")
        self.num_codebooks = num_codebooks
        self.codebook_size = codebook_size
        self.codebook_dim = codebook_dim
        self.codebook_initializer = keras.initializers.get(codebook_initializer)

    def build(self, input_shape: Any) -> None:
        """Creates the codebooks."""
        self.codebooks = self.add_weight(
            name="codebooks",
            shape=(self.num_codebooks, self.codebook_size, self.codebook_dim),
            initializer=self.codebook_initializer,
        )
        super().build(input_shape)

    def encode(self, latents: tf.Tensor) -> tf.Tensor:
        """Codes of `latents` [batch, N, D]: int32 [batch, N]."""
        return nearest_codes(latents, self.codebooks)

    def lookup(self, codes: tf.Tensor) -> tf.Tensor:
        """Code vectors of `codes` [batch, N]: float32 [batch, N, D]."""
        chosen = tf.gather(self.codebooks, tf.transpose(codes), batch_dims=1)
        return tf.transpose(chosen, [1, 0, 2])

    def combine(self, quantized: tf.Tensor) -> tf.Tensor:
        """What the decoder receives for `quantized` [batch, N, D]: their mean."""
        return tf.reduce_mean(quantized, axis=1)

    def call(self, latents: tf.Tensor) -> Quantization:
        """Quantises `latents`."""
        codes = self.encode(tf.stop_gradient(latents))
        chosen = self.lookup(codes)
        codebook = tf.reduce_mean(tf.square(tf.stop_gradient(latents) - chosen))
        commitment = tf.reduce_mean(tf.square(latents - tf.stop_gradient(chosen)))
        return Quantization(
            codes=codes,
            quantized=latents + tf.stop_gradient(chosen - latents),
            losses={"codebook": codebook, "commitment": commitment},
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "num_codebooks": self.num_codebooks,
            "codebook_size": self.codebook_size,
            "codebook_dim": self.codebook_dim,
            "codebook_initializer": keras.initializers.serialize(
                self.codebook_initializer
            ),
        }
