"""What of it can be run without a TPU."""

import numpy as np
import pytest
import tensorflow as tf

from moc_tf.ranking import FieldEmbeddings, LazyAdam
from moc_tf.ranking.tpu_embedding import TPUFieldEmbeddings

SIZES, DIM = (4, 3), 2
IDS = tf.constant([[3, 0], [1, 2], [3, 2]])


@pytest.fixture
def layer():
    layer = TPUFieldEmbeddings(SIZES, DIM)
    layer(IDS)
    return layer


def tables(layer):
    variables = sorted(layer.trainable_variables, key=lambda v: v.name)
    assert [tuple(v.shape) for v in variables] == [(4, DIM), (3, DIM)]
    return variables


def test_it_looks_up_what_the_layer_without_a_tpu_does(layer):
    twin = FieldEmbeddings(SIZES, DIM)
    twin(IDS)
    rows = np.arange(14, dtype=np.float32).reshape(7, DIM)
    twin.embeddings.assign(rows)
    first, second = tables(layer)
    first.assign(rows[:4])
    second.assign(rows[4:])
    np.testing.assert_array_equal(layer(IDS), twin(IDS))
    np.testing.assert_array_equal(tf.function(layer)(IDS), twin(IDS))


def test_a_step_moves_the_rows_of_the_batch_alone(layer):
    optimizer = LazyAdam(0.1)
    before = [table.numpy() for table in tables(layer)]

    @tf.function
    def step(ids):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(ids))
        gradients = tape.gradient(loss, layer.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, layer.trainable_variables, strict=True)
        )

    optimizer.build(layer.trainable_variables)
    step(IDS)
    moved = [
        (a != b.numpy()).all(axis=1) for a, b in zip(before, tables(layer), strict=True)
    ]
    assert moved[0].tolist() == [False, True, False, True]
    assert moved[1].tolist() == [True, False, True]


def test_tables_start_differently_and_as_those_of_the_other_layer_do():
    first, second = tables_of_one_size()
    assert (first.numpy() != second.numpy()).any()
    assert 0.005 < first.numpy().std() < 0.02


def tables_of_one_size():
    layer = TPUFieldEmbeddings((500, 500), DIM)
    layer(IDS)
    return layer.trainable_variables


def test_it_comes_back_from_its_configuration():
    layer = TPUFieldEmbeddings(SIZES, DIM, "adam", 0.25, "zeros")
    twin = TPUFieldEmbeddings.from_config(layer.get_config())
    assert twin.get_config() == layer.get_config()
    assert (twin(IDS).numpy() == 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SIZES, DIM, "sgd"), r"adagrad.* Received: 'sgd'"),
        (((4, 0), DIM), r"Received: \[4, 0\]"),
        ((SIZES, 0), "Received: 0"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        TPUFieldEmbeddings(*arguments)
