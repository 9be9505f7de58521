"""N codebooks in a row: each quantises what those before it have left."""

from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.indexing.estimators import ESTIMATORS
from moc_tf.indexing.nearest_codes import nearest_codes
from moc_tf.indexing.quantizer import Assignment, Quantizer, sg


@keras.utils.register_keras_serializable(package="moc_tf")
class ResidualQuantizer(Quantizer):
    """Quantises one latent z in N levels, greedily.

        r_1 = z,   c_n = argmin_k ||r_n - E_n[k]||²,   q_n = E_n[c_n]
        r_{n+1} = r_n - sg q_n,   quantized = sum_n q_n

    and the losses of `Quantizer` with the residuals r_n as targets. The estimator sees
    z and the sum.

    Source: Zeghidour et al., "SoundStream", arXiv:2107.03312; Lee et al.,
    "Autoregressive Image Generation using Residual Quantization", arXiv:2203.01941.

    Example:
      >>> quantizer = ResidualQuantizer(7, codebook_size=256, codebook_dim=32)
      >>> quantizer(tf.zeros([4, 1, 32])).codes.shape
      TensorShape([4, 7])

    Args:
      See `Quantizer`; `distance` is "l2", since residuals have no direction to keep.

    Call arguments:
      latents: float32 [batch, 1, D].
      training: whether "ema" moves the codebooks.

    Returns:
      A `Quantization`, `quantized` being float32 [batch, 1, D].
    """

    def __init__(
        self, num_codebooks: int, codebook_size: int, codebook_dim: int, **kwargs: Any
    ):
        super().__init__(num_codebooks, codebook_size, codebook_dim, **kwargs)
        if self.distance != "l2":
            raise ValueError(
                "Residual levels add up only under distance 'l2'. Received: "
                f"{self.distance!r}."
            )

    def assign(self, latents: tf.Tensor) -> Assignment:
        """Chooses the codes of latents [batch, 1, D], level by level."""
        return self.assign_levels(latents, self.num_codebooks)

    def assign_levels(self, latents: tf.Tensor, levels: int) -> Assignment:
        """The same for the first `levels` codebooks alone: [batch, levels, ...]."""
        codebooks = sg(self.code_vectors())
        residuals, codes = sg(latents), []
        for level in range(levels):
            codes.append(nearest_codes(residuals, codebooks[level : level + 1]))
            residuals -= tf.gather(codebooks[level], codes[-1])
        stacked = tf.concat(codes, axis=1)
        chosen = self._rows(stacked)
        before = tf.cumsum(sg(chosen), axis=1, exclusive=True)
        return Assignment(stacked, latents - before, chosen)

    def lookup(self, codes: tf.Tensor) -> tf.Tensor:
        """Sums of the levels' vectors of `codes` [batch, N]: float32 [batch, 1, D]."""
        return tf.reduce_sum(self._rows(codes), axis=1, keepdims=True)

    def _pass_gradients(self, latents: tf.Tensor, assigned: Assignment) -> tf.Tensor:
        total = tf.reduce_sum(sg(assigned.chosen), axis=1, keepdims=True)
        return ESTIMATORS[self.estimator](latents, total)
