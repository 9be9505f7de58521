"""Optimizers whose steps cost what the rows cost that a batch uses."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from moc_tf._keras import keras


class _RowByRow:
    """Lets a Keras optimizer add up, and clip, the gradient of a table by its rows.

    The gradient of a gather names a row once for each time that it was gathered.
    Keras clips before it adds up what belongs to one row, and so by a norm that is
    too small where the parts agree and too large where they cancel out.
    """

    def _deduplicate_sparse_grad(self, grads: Sequence[Any]) -> list[Any]:
        return [
            _summed_by_row(g) if isinstance(g, tf.IndexedSlices) else g for g in grads
        ]

    def _clip_gradients(self, grads: Sequence[Any]) -> Sequence[Any]:
        if self.clipnorm or self.global_clipnorm or self.clipvalue:  # type: ignore[attr-defined]
            grads = self._deduplicate_sparse_grad(list(grads))
        return super()._clip_gradients(grads)  # type: ignore[misc]


@keras.utils.register_keras_serializable(package="moc_tf")
class LazyAdam(_RowByRow, keras.optimizers.Adam):
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
    (1 - beta_1) / sqrt(1 - beta_2) times the learning rate, with the defaults
    0.1 / sqrt(0.001) = 3.2 times.

    A model with it, or any other optimizer of this module, cannot be compiled with
    `jit_compile=True`: XLA lacks the product with a sparse matrix that adds up the
    gradients of a row. With Keras' own Adam, which is dense, it can.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization",
    arXiv:1412.6980.

    Args:
      learning_rate: a float or a `keras.optimizers.schedules.LearningRateSchedule`.
      beta_1: decay of the first moment, in [0, 1).
      beta_2: decay of the second moment, in [0, 1).
      epsilon: added to the root of the second moment, above 0.
      global_clipnorm: the norm of all gradients together, above which they are scaled
        down to it; None never does.
      name: of the optimizer.

    Raises:
      ValueError: if beta_1, beta_2, epsilon or global_clipnorm lies outside its range.
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        global_clipnorm: float | None = None,
        name: str = "LazyAdam",
    ):
        if not (0 <= beta_1 < 1 and 0 <= beta_2 < 1 and epsilon > 0):
            raise ValueError(
                "beta_1 and beta_2 must lie in [0, 1), and epsilon above 0. Received: "
                f"beta_1={beta_1}, beta_2={beta_2}, epsilon={epsilon}."
            )
        _check_clipnorm(global_clipnorm)
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            global_clipnorm=global_clipnorm,
            jit_compile=False,
            name=name,
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
        # Faster than scatter_sub on a large table.
        moved = tf.gather(variable, rows) - change
        variable.scatter_update(tf.IndexedSlices(moved, rows))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = super().get_config()
        names = ("learning_rate", "beta_1", "beta_2", "epsilon", "global_clipnorm")
        return {name: config[name] for name in ("name", *names)}


@keras.utils.register_keras_serializable(package="moc_tf")
class SparseAdagrad(_RowByRow, keras.optimizers.Adagrad):
    """Adagrad, which updates only the gathered rows of embedding tables.

    Keras' Adagrad does so by itself, and loses nothing by it: a row without a gradient
    would stay where it is anyway. What this class adds is right clipping, and that no
    GPU compiles the step, which XLA would do over the whole table. As `LazyAdam`, it is
    not for a model compiled with `jit_compile=True`.

    Source: Duchi et al., "Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization", JMLR 12, 2011.

    Args:
      learning_rate: a float or a `keras.optimizers.schedules.LearningRateSchedule`.
      initial_accumulator_value: of the sums of squared gradients, at least 0.
      epsilon: added to those sums under the root, above 0.
      global_clipnorm: the norm of all gradients together, above which they are scaled
        down to it; None never does.
      name: of the optimizer.

    Raises:
      ValueError: if a value lies outside its range.
    """

    def __init__(
        self,
        learning_rate: Any = 1e-2,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        global_clipnorm: float | None = None,
        name: str = "SparseAdagrad",
    ):
        if initial_accumulator_value < 0 or epsilon <= 0:
            raise ValueError(
                "initial_accumulator_value must be at least 0, and epsilon above 0. "
                f"Received: initial_accumulator_value={initial_accumulator_value}, "
                f"epsilon={epsilon}."
            )
        _check_clipnorm(global_clipnorm)
        super().__init__(
            learning_rate,
            initial_accumulator_value,
            epsilon,
            global_clipnorm=global_clipnorm,
            jit_compile=False,
            name=name,
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = super().get_config()
        names = ("initial_accumulator_value", "epsilon", "global_clipnorm")
        return {name: config[name] for name in ("name", "learning_rate", *names)}


@keras.utils.register_keras_serializable(package="moc_tf")
class DenseAdam(_RowByRow, keras.optimizers.Adam):
    """Keras' Adam, every row of every table at every step, with right clipping.

    It is here to be compared with `LazyAdam`; a step costs what the vocabulary costs.
    As that, it is not for a model compiled with `jit_compile=True`.
    """


_OPTIMIZERS: dict[str, type[keras.optimizers.Optimizer]] = {
    "lazy_adam": LazyAdam,
    "adagrad": SparseAdagrad,
    "adam": DenseAdam,
}
OPTIMIZERS = tuple(_OPTIMIZERS)


def make_optimizer(
    name: str, learning_rate: Any, global_clipnorm: float | None = None
) -> keras.optimizers.Optimizer:
    """An optimizer by name.

    Args:
      name: "lazy_adam" (`LazyAdam`), "adagrad" (`SparseAdagrad`) or "adam"
        (`DenseAdam`).
      learning_rate: a float or a schedule.
      global_clipnorm: the norm of all gradients together, above which they are scaled
        down to it; None never does.

    Raises:
      ValueError: if the name is unknown, or the norm not above 0.
    """
    if name not in _OPTIMIZERS:
        raise ValueError(
            f"optimizer must be one of {list(OPTIMIZERS)}. Received: {name!r}."
        )
    _check_clipnorm(global_clipnorm)
    return _OPTIMIZERS[name](learning_rate, global_clipnorm=global_clipnorm)


def check_compilable(optimizer: Any) -> None:
    """Raises ValueError if XLA cannot compile the steps of `optimizer`."""
    if isinstance(optimizer, _RowByRow):
        raise ValueError(
            f"{type(optimizer).__name__} cannot be compiled with jit_compile=True: it "
            "adds up gradients by a product with a sparse matrix, which XLA lacks. "
            "Leave jit_compile out, or take an optimizer of Keras."
        )


def _summed_by_row(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """The same gradient, each row named once."""
    rows, places = tf.unique(gradient.indices, out_idx=tf.int64)
    count = tf.size(places, tf.int64)
    # A product with the matrix that has a one where a part belongs to a row takes a
    # seventh of the time of unsorted_segment_sum.
    belongs = tf.SparseTensor(
        tf.stack([places, tf.range(count)], axis=1),
        tf.ones([count], gradient.dtype),
        tf.stack([tf.size(rows, tf.int64), count]),
    )
    parts = tf.reshape(gradient.values, (count, -1))
    shape = tf.concat([tf.shape(rows), tf.shape(gradient.values)[1:]], axis=0)
    summed = tf.reshape(tf.sparse.sparse_dense_matmul(belongs, parts), shape)
    return tf.IndexedSlices(summed, rows, gradient.dense_shape)


def _check_clipnorm(value: float | None) -> None:
    if value is not None and not value > 0:
        raise ValueError(
            f"global_clipnorm must be above 0, or None. Received: {value}."
        )
