"""The search for the nearest code, the one formula behind every quantizer."""

import math

import tensorflow as tf

# Codebooks that are searched at a time: argmax runs on one core alone.
_AT_A_TIME = 2
# Columns of a product that are left over from whole blocks may be summed in another
# order, so that equal codes would get unequal scores. Of this many none is left over.
_BLOCK = 16


def nearest_codes(latents: tf.Tensor, codebooks: tf.Tensor) -> tf.Tensor:
    """Index of the nearest code: argmin_k ||z_n - E_n[k]||², ties to the lowest k.

    ||z||² is the same for all codes of a codebook, so it is left out: the nearest code
    has the largest z E[k] - ||E[k]||² / 2. That is a dense layer, with a fast kernel.

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
    biases = -0.5 * tf.reduce_sum(tf.square(codebooks), axis=-1)
    if missing := -size % _BLOCK:
        codebooks = tf.pad(codebooks, [[0, 0], [0, missing], [0, 0]])
        biases = tf.pad(biases, [[0, 0], [0, missing]], constant_values=-math.inf)
    found: list[tf.Tensor] = []
    for n in range(num_codebooks):
        # No more at a time, since each of them holds its scores, [batch, K].
        with tf.control_dependencies(found[: max(n + 1 - _AT_A_TIME, 0)]):
            targets = tf.identity(latents[:, n])
            products = tf.matmul(targets, codebooks[n], transpose_b=True)
            scores = tf.nn.bias_add(products, biases[n])
            found.append(tf.argmax(scores, axis=-1, output_type=tf.int32))
    return tf.stack(found, axis=1)
