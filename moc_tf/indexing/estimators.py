"""How gradients pass the choice of a code, which has none of its own."""

from collections.abc import Callable

import tensorflow as tf


def straight_through(latents: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """The chosen vectors; gradients reach the latents unchanged.

        z + sg(q - z)

    Source: van den Oord et al., "Neural Discrete Representation Learning",
    arXiv:1711.00937.

    Args:
      latents: z, float32 [..., D].
      chosen: q, of the same shape.

    Returns:
      float32 [..., D].
    """
    return latents + tf.stop_gradient(chosen - latents)


def rotation(latents: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """The chosen vectors; gradients are turned and scaled as z is onto q.

        |q|/|z| R z,   R = I - 2 r r' + 2 q^ z^',   r = (z^ + q^) / |z^ + q^|

    with ^ for unit length. Factor and rotation R, which takes z^ to q^, are constants
    to the gradient. So a gradient keeps its angle to q, which tells latents of one
    code apart, where `straight_through` gives all of them the same.

    Source: Fifty et al., "Restructuring Vector Quantization with the Rotation
    Trick", arXiv:2410.06424.

    Args:
      latents: z, float32 [..., D].
      chosen: q, of the same shape.

    Returns:
      float32 [..., D]. Where z or q is zero, or they point in opposite directions, no
      single rotation is meant, and `straight_through` stands in.
    """
    z, q = tf.stop_gradient(latents), tf.stop_gradient(chosen)
    z_norm = tf.norm(z, axis=-1, keepdims=True)
    q_norm = tf.norm(q, axis=-1, keepdims=True)
    z_unit = tf.math.divide_no_nan(z, z_norm)
    q_unit = tf.math.divide_no_nan(q, q_norm)
    middle = z_unit + q_unit
    middle_norm = tf.norm(middle, axis=-1, keepdims=True)
    axis = tf.math.divide_no_nan(middle, middle_norm)

    def along(direction: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(latents * direction, axis=-1, keepdims=True)

    turned = latents - 2.0 * along(axis) * axis + 2.0 * along(z_unit) * q_unit
    turned *= tf.math.divide_no_nan(q_norm, z_norm)
    # The value is q whatever rounding the turn has left.
    turned += tf.stop_gradient(chosen - turned)
    defined = (z_norm > 0) & (q_norm > 0) & (middle_norm > 1e-6)
    return tf.where(defined, turned, straight_through(latents, chosen))


ESTIMATORS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "straight_through": straight_through,
    "rotation": rotation,
}
