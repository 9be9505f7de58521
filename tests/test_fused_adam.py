"""The fused step against Keras' own."""

import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.fused_adam import FusedAdam

SHAPES = [(5, 3), (4,), (2, 3, 4), ()]


def train(optimizer, steps=12, sparse=False):
    """Variables and the optimizer's own after steps of gradients of all sizes."""
    random = np.random.default_rng(0)
    variables = [tf.Variable(random.normal(size=s), dtype=tf.float32) for s in SHAPES]
    optimizer.build(variables)
    for _ in range(steps):
        sizes = 10.0 ** random.uniform(-9, 3, size=len(SHAPES))
        gradients = [
            tf.constant(size * random.normal(size=shape), tf.float32)
            for size, shape in zip(sizes, SHAPES, strict=True)
        ]
        if sparse:
            rows = tf.constant([1, 3, 1])
            gradients[0] = tf.IndexedSlices(tf.gather(gradients[0], rows), rows, (5, 3))
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return [v.numpy() for v in [*variables, *optimizer.variables]]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-2},
        {"learning_rate": keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)},
        {"clipnorm": 1e-3},
    ],
)
@pytest.mark.parametrize("sparse", [False, True])
def test_it_equals_keras_adam(options, sparse):
    fused = train(FusedAdam(**options), sparse=sparse)
    keras_own = train(
        keras.optimizers.Adam(**options, jit_compile=False), sparse=sparse
    )
    assert len(fused) == len(keras_own) > 3 * len(SHAPES)
    for place, (one, other) in enumerate(zip(fused, keras_own, strict=True)):
        # Variables may come near zero from where they were; moments are compared whole.
        atol = 1e-5 if place < len(SHAPES) else 1e-12
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=atol)


def test_its_first_step_is_the_learning_rate_whatever_the_gradient():
    variable = tf.Variable([1.0, 1.0, 1.0])
    optimizer = FusedAdam(0.25)
    optimizer.build([variable])
    optimizer.apply_gradients([(tf.constant([3.0, -1e-3, 0.0]), variable)])
    np.testing.assert_allclose(variable, [0.75, 1.25, 1.0], rtol=1e-3)


def test_it_comes_back_from_its_configuration():
    optimizer = FusedAdam(0.25, beta_1=0.5, epsilon=1e-3)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(copy, FusedAdam)
    assert copy.get_config() == optimizer.get_config()


@pytest.mark.parametrize("option", ["amsgrad", "adaptive_epsilon"])
def test_what_the_kernel_lacks_raises(option):
    with pytest.raises(ValueError, match=rf"neither.*Received: .*{option}=True"):
        FusedAdam(**{option: True})
