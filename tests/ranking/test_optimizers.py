import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import LazyAdam


def sparse(indices, values, rows):
    values = tf.constant(values, tf.float32)
    return tf.IndexedSlices(values, tf.constant(indices), (rows, values.shape[1]))


def numpy_lazy_adam(table, batches, rate=0.1, beta_1=0.8, beta_2=0.9, epsilon=1e-7):
    """One (indices, values) a step; a row outside a batch keeps all it has."""
    table = table.astype(np.float64)
    m, v = np.zeros_like(table), np.zeros_like(table)
    for step, (indices, values) in enumerate(batches, start=1):
        for row in set(indices):
            g = sum(
                np.array(x) for i, x in zip(indices, values, strict=True) if i == row
            )
            m[row] = beta_1 * m[row] + (1 - beta_1) * g
            v[row] = beta_2 * v[row] + (1 - beta_2) * g**2
            correction = np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
            table[row] -= rate * correction * m[row] / (np.sqrt(v[row]) + epsilon)
    return table


BATCHES = [
    ([0, 2, 0], [[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]]),
    ([3], [[1.0, 1.0]]),
    ([2, 3, 2], [[-1.0, 0.1], [2.0, 2.0], [0.2, 0.2]]),
    ([0], [[-3.0, 1.0]]),
]


@pytest.mark.parametrize("compiled", [False, True])
def test_sparse_gradients_follow_the_rule_row_by_row(compiled):
    start = np.arange(10, dtype=np.float32).reshape(5, 2)
    table = tf.Variable(start)
    optimizer = LazyAdam(0.1, beta_1=0.8, beta_2=0.9)
    optimizer.build([table])

    def apply(indices, values):
        gradient = tf.IndexedSlices(values, indices, (5, 2))
        optimizer.apply_gradients([(gradient, table)])

    apply = tf.function(apply, reduce_retracing=True) if compiled else apply
    for indices, values in BATCHES:
        apply(tf.constant(indices), tf.constant(values))
    np.testing.assert_allclose(table, numpy_lazy_adam(start, BATCHES), rtol=1e-5)


def test_rows_outside_a_batch_rest_with_their_moments():
    table = tf.Variable(tf.ones([3, 2]))
    optimizer = LazyAdam()
    optimizer.apply_gradients([(sparse([0, 1], [[1.0, 1.0]] * 2, 3), table)])
    before = [
        variable.numpy()[[0, 2]] for variable in (table, *optimizer.variables[2:])
    ]
    optimizer.apply_gradients([(sparse([1], [[5.0, 5.0]], 3), table)])
    after = [variable.numpy()[[0, 2]] for variable in (table, *optimizer.variables[2:])]
    np.testing.assert_array_equal(after, before)
    assert table.numpy()[2].tolist() == [1.0, 1.0]
    assert (np.array(before)[1:, 0] != 0).all()


@pytest.mark.parametrize("as_sparse", [False, True])
def test_with_every_row_in_every_batch_it_is_adam(as_sparse):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(4, 3)).astype(np.float32)
    ours, theirs = tf.Variable(start), tf.Variable(start)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, 2, 0.9)
    lazy, adam = LazyAdam(schedule), keras.optimizers.Adam(schedule)
    for _ in range(6):
        gradient = rng.normal(size=(4, 3)).astype(np.float32)
        given = sparse(range(4), gradient, 4) if as_sparse else tf.constant(gradient)
        lazy.apply_gradients([(given, ours)])
        adam.apply_gradients([(tf.constant(gradient), theirs)])
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


def test_no_tensor_of_a_sparse_step_is_as_large_as_the_table():
    rows = 12_345
    table = tf.Variable(tf.zeros([rows, 2]))
    optimizer = LazyAdam()
    optimizer.build([table])

    @tf.function
    def apply(indices, values):
        gradient = tf.IndexedSlices(values, indices, (rows, 2))
        optimizer.apply_gradients([(gradient, table)])

    graph = apply.get_concrete_function(
        tf.TensorSpec([7], tf.int32), tf.TensorSpec([7, 2], tf.float32)
    ).graph
    tensors = [out for op in graph.get_operations() for out in op.outputs]
    assert len(tensors) > 20
    large = [t for t in tensors if t.shape.rank and rows in t.shape.as_list()]
    assert large == []


def test_training_continues_from_a_checkpoint(tmp_path):
    def start():
        return tf.Variable(tf.ones([5, 2])), LazyAdam(0.1)

    def train(table, optimizer, batches):
        for indices, values in batches:
            optimizer.apply_gradients([(sparse(indices, values, 5), table)])

    unbroken, optimizer = start()
    train(unbroken, optimizer, BATCHES)

    table, optimizer = start()
    train(table, optimizer, BATCHES[:2])
    path = tf.train.Checkpoint(table=table, optimizer=optimizer).save(tmp_path / "ckpt")

    table, optimizer = start()
    checkpoint = tf.train.Checkpoint(table=table, optimizer=optimizer)
    status = checkpoint.restore(path)
    train(table, optimizer, BATCHES[2:])
    status.assert_consumed()
    np.testing.assert_array_equal(table, unbroken)
    assert optimizer.iterations.numpy() == 4


def test_it_comes_back_from_its_configuration():
    optimizer = LazyAdam(0.25, 0.5, 0.75, 1e-3, name="lazy")
    twin = LazyAdam.from_config(optimizer.get_config())
    assert twin.get_config() == optimizer.get_config()
    assert twin.get_config() == {
        "name": "lazy",
        "learning_rate": 0.25,
        "beta_1": 0.5,
        "beta_2": 0.75,
        "epsilon": 1e-3,
    }
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, LazyAdam)
    assert again.get_config() == optimizer.get_config()


def test_it_stays_out_of_xla_on_a_gpu(monkeypatch):
    config = tf.compat.v2.config  # the one that Keras asks
    monkeypatch.setattr(config, "list_physical_devices", lambda kind: [kind])
    assert keras.optimizers.Adam().jit_compile is True
    assert LazyAdam().jit_compile is False


@pytest.mark.parametrize(
    "arguments", [{"beta_1": 1.0}, {"beta_2": -0.1}, {"epsilon": 0.0}]
)
def test_values_outside_their_range_raise(arguments):
    (given,) = arguments.items()
    with pytest.raises(ValueError, match=rf"Received:.*{given[0]}={given[1]}"):
        LazyAdam(**arguments)
