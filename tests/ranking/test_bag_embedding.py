import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf._keras import keras
from moc_tf.data import MultiValuedFeature, Schema, Vocabulary, make_batches
from moc_tf.ranking import BagEmbedding, SchemaEmbeddings


def layer_of(pooling="mean", size=4, **options):
    """A layer whose id i has the embedding (10^i, -10^i), and no id (7, 8)."""
    layer = BagEmbedding(size, 2, pooling=pooling, **options)
    layer(tf.zeros([1, 1], tf.int32))
    rows = [[7.0, 8.0]] + [[10.0**i, -(10.0**i)] for i in range(size)]
    layer.embeddings.assign(rows)
    return layer


# A bag with two ids between padding, one with an id twice, one with none, one with all.
BAGS = [[1, 3], [2, 2], [], [0, 1, 2, 3]]
PADDED = [[1, -1, 3, -1], [-1, -1, 2, 2], [-1, -1, -1, -1], [0, 1, 2, 3]]
SUMS = [[1010, -1010], [200, -200], [7, 8], [1111, -1111]]


@pytest.mark.parametrize("ids", [tf.constant(PADDED), tf.ragged.constant(BAGS)])
def test_embeddings_are_pooled(ids):
    expected = np.array(SUMS, np.float32)
    np.testing.assert_allclose(layer_of("sum")(ids)[:, 0], expected, rtol=1e-6)
    expected /= [[2], [2], [1], [4]]
    np.testing.assert_allclose(layer_of("mean")(ids)[:, 0], expected, rtol=1e-6)


@given(st.lists(st.lists(st.integers(0, 8), max_size=4), min_size=1, max_size=5))
@settings(deadline=None, max_examples=20)
def test_padded_and_ragged_bags_are_the_same(bags):
    layer = BagEmbedding(9, 3)
    ragged = tf.ragged.constant(bags, tf.int64, ragged_rank=1)
    padded = ragged.to_tensor(-1, shape=[None, 5])
    outputs = layer(padded).numpy()
    table = layer.embeddings.numpy()
    expected = [np.mean(table[[i + 1 for i in bag] or [0]], axis=0) for bag in bags]
    np.testing.assert_allclose(outputs[:, 0], expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(layer(ragged), outputs)


@pytest.mark.parametrize(
    "ids", [tf.zeros([3, 0], tf.int32), tf.ragged.constant([[], [], []], tf.int32, 1)]
)
def test_bags_without_any_length_are_empty(ids):
    assert layer_of()(ids).numpy().tolist() == [[[7, 8]]] * 3


@pytest.mark.parametrize("ids", [tf.constant(PADDED), tf.ragged.constant(BAGS)])
def test_the_gradient_holds_the_rows_of_the_ids_alone(ids):
    layer = layer_of("sum", size=6)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(ids))
    gradient = tape.gradient(loss, layer.embeddings)
    assert isinstance(gradient, tf.IndexedSlices)
    # Eight ids and one empty bag, whose row is the first: padding has none.
    assert sorted(gradient.indices.numpy()) == [0, 1, 2, 2, 3, 3, 3, 4, 4]
    assert tf.convert_to_tensor(gradient).numpy()[:, 0].tolist() == [
        1,
        1,
        2,
        3,
        2,
        0,
        0,
    ]


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_long_bags_are_pooled_exactly_in_half_precision(pooling):
    ids = tf.constant(np.random.default_rng(0).integers(0, 100, (1, 1000)))
    layers = [
        BagEmbedding(100, 3, pooling=pooling, dtype=dtype)
        for dtype in ("float32", "mixed_bfloat16")
    ]
    table = np.random.default_rng(1).normal(0.05, 0.01, (101, 3))
    for layer in layers:
        layer(ids)
        layer.embeddings.assign(table)
    exact, half = (layer(ids) for layer in layers)
    assert half.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(half, tf.float32), exact, rtol=0.01)


def test_padding_does_not_touch_the_row_of_the_empty_bag():
    layer = layer_of()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(tf.constant([[1, -1], [-1, 2]])))
    indices = tape.gradient(loss, layer.embeddings).indices
    assert sorted(indices.numpy()) == [2, 3]


def test_the_penalty_is_on_what_was_looked_up_while_training():
    layer = layer_of("mean", embedding_l2=0.5)
    ids = tf.constant([[1, 1], [-1, -1]])
    layer(ids, training=False)
    assert layer.losses == []
    layer(ids, training=True)
    # Id 1 twice, 2 * (100 + 100), and the empty bag, 49 + 64: by two examples.
    assert float(layer.losses[0]) == pytest.approx(0.5 * (400 + 113) / 2)


def test_parameters_are_a_row_for_each_id_and_one_for_none():
    assert layer_of(size=9).count_params() == (9 + 1) * 2


@pytest.mark.parametrize("wrong", [4, -2])
@pytest.mark.parametrize("compiled", [False, True])
def test_an_id_outside_the_table_raises(wrong, compiled):
    layer = layer_of()
    look_up = tf.function(layer.__call__) if compiled else layer
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=rf"(?s)at least -1 and less than.*{wrong}"
    ):
        look_up(tf.constant([[0, wrong]]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BagEmbedding(0, 2), r"vocabulary_size .*Received: 0\."),
        (lambda: BagEmbedding(3, 0), r"embedding_dim .*Received: 0\."),
        (lambda: BagEmbedding(3, 2, pooling="max"), r"\['mean', 'sum'\].*'max'\."),
        (
            lambda: BagEmbedding(3, 2, name="tags")(tf.zeros([3], tf.int32)),
            r"'tags' expects integers \[batch, length\].*int32 of shape \(3,\)",
        ),
        (lambda: BagEmbedding(3, 2)(tf.zeros([3, 1])), r"float32 of shape \(3, 1\)"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_it_comes_back_from_its_configuration():
    layer = BagEmbedding(3, 2, "ones", "sum", 0.5, name="tags")
    twin = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(twin) is BagEmbedding
    assert twin.get_config() == layer.get_config()


def test_lists_of_values_reach_it_by_a_vocabulary_and_batches():
    vocabulary = Vocabulary(["a", "b"])
    tags = vocabulary.padded_ids([["b", "new"], [], ["a"]])
    (batch,) = make_batches({"tags": tags}, 3)
    schema = Schema((MultiValuedFeature("tags", vocabulary.size),))
    layer = SchemaEmbeddings(schema, embedding_dim=2)
    outputs, table = layer(batch), layer.bags[0].embeddings.numpy()
    expected = [(table[3] + table[1]) / 2, table[0], table[2]]
    np.testing.assert_allclose(outputs[:, 0], expected, atol=1e-7)
