"""N parallel codebooks: every latent picks the nearest code of its own codebook."""

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.indexing.estimators import ESTIMATORS
from moc_tf.indexing.nearest_codes import nearest_codes
from moc_tf.indexing.quantizer import Assignment, Quantizer, sg


@keras.utils.register_keras_serializable(package="moc_tf")
class ParallelQuantizer(Quantizer):
    """Quantises N latents with N independent codebooks (VQ-VAE's rule, N times).

    With z_n a latent and E_n its codebook:

        c_n = argmin_k ||z_n - E_n[k]||²,   q_n = E_n[c_n]

    and the losses of `Quantizer` with z_n as targets.

    Source: Zhang et al., "Towards Scalable Semantic Representation for
    Recommendation", arXiv:2410.09560; van den Oord et al., "Neural Discrete
    Representation Learning", arXiv:1711.00937.

    Example:
      >>> quantizer = ParallelQuantizer(7, codebook_size=256, codebook_dim=32)
      >>> quantizer(tf.zeros([4, 7, 32])).codes.shape
      TensorShape([4, 7])

    Args:
      See `Quantizer`.

    Call arguments:
      latents: float32 [batch, N, D].
      training: whether "ema" moves the codebooks.

    Returns:
      A `Quantization`.
    """

    def assign(self, latents: tf.Tensor) -> Assignment:
        """Chooses the code of each latent [batch, N, D] in its own codebook."""
        targets = self._scaled(latents)
        codes = nearest_codes(sg(targets), sg(self.code_vectors()))
        return Assignment(codes, targets, self._rows(codes))

    def lookup(self, codes: tf.Tensor) -> tf.Tensor:
        """Code vectors of `codes` [batch, N]: float32 [batch, N, D]."""
        return self._rows(codes)

    def _pass_gradients(self, latents: tf.Tensor, assigned: Assignment) -> tf.Tensor:
        return ESTIMATORS[self.estimator](assigned.targets, sg(assigned.chosen))
