import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import FieldEmbeddings, LazyAdam, SparseAdagrad, make_optimizer


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
        "global_clipnorm": None,
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


def test_clipping_scales_sparse_and_dense_gradients_by_their_common_norm():
    # Row 1 is named twice: 1 + 2 = 3, and row 0 cancels out. The norm of table and
    # bias is sqrt(3² + 4²) = 5, so that both shrink to a fifth of a clipnorm of 1.
    table, bias = tf.Variable(tf.zeros([3, 1])), tf.Variable([0.0])
    gradient = sparse([1, 0, 1, 0], [[1.0], [7.0], [2.0], [-7.0]], 3)
    optimizer = SparseAdagrad(
        1.0, initial_accumulator_value=0.0, epsilon=1e-30, global_clipnorm=1.0
    )
    optimizer.apply_gradients([(gradient, table), (tf.constant([4.0]), bias)])
    squares = [v.numpy().ravel().tolist() for v in optimizer.variables[-2:]]
    assert squares[0] == pytest.approx([0.0, 0.6**2, 0.0])
    assert squares[1] == pytest.approx([0.8**2])


@pytest.mark.parametrize("name", ["lazy_adam", "adagrad", "adam"])
def test_clipping_a_sparse_gradient_is_clipping_it_when_dense(name):
    ours, theirs = tf.Variable(tf.ones([4, 2])), tf.Variable(tf.ones([4, 2]))
    plain = {
        "lazy_adam": keras.optimizers.Adam,
        "adagrad": keras.optimizers.Adagrad,
        "adam": keras.optimizers.Adam,
    }
    optimizer = make_optimizer(name, 0.1, global_clipnorm=0.5)
    twin = plain[name](0.1, global_clipnorm=0.5)
    for scale in (1.0, 0.01, 3.0):
        given = sparse([0, 1, 2, 3, 1], scale * np.arange(1, 11).reshape(5, 2), 4)
        optimizer.apply_gradients([(given, ours)])
        twin.apply_gradients([(tf.convert_to_tensor(given), theirs)])
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_a_gradient_below_the_clipnorm_stays_as_it_is():
    start = tf.ones([5, 2])
    free, clipped = tf.Variable(start), tf.Variable(start)
    for optimizer, table in (
        (LazyAdam(0.1), free),
        (LazyAdam(0.1, global_clipnorm=100.0), clipped),
    ):
        for indices, values in BATCHES:
            optimizer.apply_gradients([(sparse(indices, values, 5), table)])
    np.testing.assert_array_equal(free, clipped)


def test_adagrad_follows_its_rule_and_leaves_other_rows_bit_equal():
    start = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    table, optimizer = tf.Variable(start), make_optimizer("adagrad", 0.1)
    expected, squares = start.astype(np.float64), np.full((5, 2), 0.1)
    for indices, values in BATCHES:
        optimizer.apply_gradients([(sparse(indices, values, 5), table)])
        for row in set(indices):
            g = sum(
                np.array(x) for i, x in zip(indices, values, strict=True) if i == row
            )
            squares[row] += g**2
            expected[row] -= 0.1 * g / np.sqrt(squares[row] + 1e-7)
    np.testing.assert_allclose(table, expected, rtol=1e-5)
    np.testing.assert_allclose(optimizer.variables[-1], squares, rtol=1e-5)
    untouched = [1, 4]
    np.testing.assert_array_equal(table.numpy()[untouched], start[untouched])
    assert (optimizer.variables[-1].numpy()[untouched] == np.float32(0.1)).all()


def test_the_dense_adam_moves_rows_that_no_batch_names():
    table = tf.Variable(tf.ones([2, 1]))
    optimizer = make_optimizer("adam", 0.1)
    optimizer.apply_gradients([(sparse([0], [[1.0]], 2), table)])
    after_one = float(table[0, 0])
    optimizer.apply_gradients([(sparse([1], [[1.0]], 2), table)])
    assert float(table[0, 0]) < after_one


@pytest.mark.parametrize("name", ["lazy_adam", "adagrad"])
def test_a_model_file_brings_the_state_back_and_training_goes_on(name, tmp_path):
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 6, (24, 1)).astype(np.int32)
    labels = rng.integers(0, 2, 24).astype(np.float32)

    def fit(model, epochs):
        model.fit(ids, labels, 6, epochs, verbose=0, shuffle=False)

    inputs = keras.Input((1,), dtype="int32")
    embedded = keras.layers.Flatten()(FieldEmbeddings([6], 2, name="fields")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(embedded))
    model.compile(make_optimizer(name, 0.05, 1.0), "mse")
    fit(model, 2)
    model.save(tmp_path / "model.keras")
    fit(model, 1)

    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again.optimizer) is type(model.optimizer)
    assert again.optimizer.global_clipnorm == 1.0
    fit(again, 1)
    assert again.optimizer.iterations.numpy() == 12
    for one, two in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(two, one)


def test_optimizers_by_name():
    assert type(make_optimizer("lazy_adam", 0.25)) is LazyAdam
    adagrad = make_optimizer("adagrad", 0.25, 2.0)
    assert adagrad.get_config() == {
        "name": "SparseAdagrad",
        "learning_rate": 0.25,
        "initial_accumulator_value": 0.1,
        "epsilon": 1e-7,
        "global_clipnorm": 2.0,
    }
    again = keras.optimizers.deserialize(keras.optimizers.serialize(adagrad))
    assert type(again) is SparseAdagrad
    assert again.get_config() == adagrad.get_config()
    assert again.jit_compile is False
    dense = make_optimizer("adam", 0.25, 2.0)
    assert isinstance(dense, keras.optimizers.Adam)
    assert not isinstance(dense, LazyAdam)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(dense))
    assert again.global_clipnorm == 2.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: make_optimizer("sgd", 0.1), "lazy_adam.* Received: 'sgd'"),
        (lambda: make_optimizer("adam", 0.1, 0.0), "above 0.* Received: 0"),
        (lambda: LazyAdam(global_clipnorm=-1.0), "above 0.* Received: -1"),
        (lambda: SparseAdagrad(epsilon=0.0), "Received:.* epsilon=0"),
        (
            lambda: SparseAdagrad(initial_accumulator_value=-0.1),
            "Received: initial_accumulator_value=-0.1",
        ),
    ],
)
def test_other_optimizers_and_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
