"""Adam whose step is one kernel for each variable."""

from typing import Any

import tensorflow as tf

from moc_tf._keras import keras


@keras.utils.register_keras_serializable(package="moc_tf")
class FusedAdam(keras.optimizers.Adam):
    """Keras' Adam, with the update of a variable in one pass over its memory.

        m <- m + (1 - b1) (g - m),   v <- v + (1 - b2) (g² - v)
        x <- x - a m / (sqrt(v) + epsilon),   a = rate sqrt(1 - b2^t) / (1 - b1^t)

    Keras composes this of some twenty operations, each of which goes over all of the
    variable: two to three times the time. The numbers are the same but for rounding, of
    1 - b2 above all, by 1e-5 of it; and so are the optimizer's variables. Gradients of
    gathers (`tf.IndexedSlices`) take Keras' way.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization",
    arXiv:1412.6980.

    Args:
      learning_rate: a float or a `keras.optimizers.schedules.LearningRateSchedule`.
      name: of the optimizer.
      **kwargs: as of `keras.optimizers.Adam`, but for `amsgrad` and
        `adaptive_epsilon`, which the kernel lacks.

    Raises:
      ValueError: if one of these two is asked for.
    """

    def __init__(
        self, learning_rate: Any = 1e-3, name: str = "FusedAdam", **kwargs: Any
    ):
        super().__init__(learning_rate, name=name, **{"jit_compile": False, **kwargs})
        if self.amsgrad or self.adaptive_epsilon:
            raise ValueError(
                "The fused step has neither AMSGrad nor an adaptive epsilon. Received: "
                f"amsgrad={self.amsgrad}, adaptive_epsilon={self.adaptive_epsilon}. "
                "Use keras.optimizers.Adam for them."
            )

    def update_step(self, gradient: Any, variable: tf.Variable) -> None:
        """Updates `variable` and its moments."""
        if isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable)
            return
        place = self._index_dict[self._var_key(variable)]
        step = tf.cast(self.iterations + 1, variable.dtype)
        beta_1, beta_2, epsilon, rate = (
            tf.cast(value, variable.dtype)
            for value in (self.beta_1, self.beta_2, self.epsilon, self.learning_rate)
        )
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].handle,
            v=self._velocities[place].handle,
            beta1_power=beta_1**step,
            beta2_power=beta_2**step,
            lr=rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon,
            grad=gradient,
        )
