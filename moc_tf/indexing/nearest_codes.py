"""The search for the nearest code, the one formula behind every quantizer."""

import tensorflow as tf

# Codebooks whose scores are computed at once have at most so many codes together, so
# that a batch of 1,024 needs 64 MiB for them, however many codebooks there are.
_CODES_AT_ONCE = 2**14


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
    num_codebooks, size, dim = codebooks.shape
    shape = tf.TensorShape(latents.shape)
    # Not left to the product below, which would broadcast a single latent.
    if not shape.is_compatible_with([None, num_codebooks, dim]):
        raise ValueError(
            f"Latents must have shape [batch, num_codebooks, codebook_dim] = "
            f"[batch, {num_codebooks}, {dim}]. Received: {shape}."
        )
    latents = tf.transpose(latents, [1, 0, 2])
    step = max(1, _CODES_AT_ONCE // size)
    if step >= num_codebooks:
        return tf.transpose(_search(latents, codebooks))
    found: list[tf.Tensor] = []
    for first in range(0, num_codebooks, step):
        # One after the other, so that no two hold their scores at a time.
        with tf.control_dependencies(found[-1:]):
            part = tf.identity(latents[first : first + step])
            found.append(_search(part, codebooks[first : first + step]))
    return tf.transpose(tf.concat(found, axis=0))


def _search(latents: tf.Tensor, codebooks: tf.Tensor) -> tf.Tensor:
    """Codes, int32 [N, batch], of latents [N, batch, D] in codebooks [N, K, D]."""
    products = tf.matmul(latents, codebooks, transpose_b=True)
    halved_norms = 0.5 * tf.reduce_sum(tf.square(codebooks), axis=-1)
    scores = halved_norms[:, tf.newaxis, :] - products  # [N, batch, K]
    return tf.argmin(scores, axis=-1, output_type=tf.int32)
