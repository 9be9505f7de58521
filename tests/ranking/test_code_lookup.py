import numpy as np
import pytest
import tensorflow as tf

from moc_tf import CodeTable
from moc_tf._keras import keras
from moc_tf.ranking import CodeLookup, SelfGatingFusion, SemanticIdEmbedding


@pytest.fixture
def table():
    ids = ["b", "a", "ключ", "10"]
    return CodeTable(ids, [[0, 3], [2, 1], [1, 1], [3, 0]], 4, {"method": "test"})


@pytest.fixture
def item_ids():
    return tf.constant(["ключ", "new", "b", "", "10", "b"])


def test_codes_are_those_of_the_table_and_minus_one_for_others(table, item_ids):
    expected = [[1, 1], [-1, -1], [0, 3], [-1, -1], [3, 0], [0, 3]]
    codes = CodeLookup(table)(item_ids)
    assert codes.dtype == tf.int32
    assert codes.numpy().tolist() == expected
    looked_up = table.lookup([i.decode() for i in item_ids.numpy()], "unknown")
    np.testing.assert_array_equal(codes, looked_up)


def test_codes_are_not_trained(table, item_ids):
    layer = CodeLookup(table)
    layer(item_ids)
    assert layer.trainable_weights == []
    assert [tuple(w.shape) for w in layer.non_trainable_weights] == [(5, 2)]


def test_other_types_than_strings_raise(table):
    with pytest.raises(ValueError, match=r"item_ids must be strings.*int32"):
        CodeLookup(table)(tf.constant([10]))


def test_the_table_comes_back_from_the_configuration(table, item_ids):
    layer = CodeLookup(table, name="lookup")
    twin = keras.layers.deserialize(keras.layers.serialize(layer))
    assert twin.table == table
    assert twin.name == "lookup"
    repeated = CodeTable(["a"], [[0]], 4, tables_per_code=3)
    config = CodeLookup(repeated).get_config()
    assert CodeLookup.from_config(config).table == repeated
    np.testing.assert_array_equal(twin(item_ids), layer(item_ids))


@pytest.fixture
def model(table):
    """What a user writes to put semantic IDs into a model of their own."""
    item_id = keras.Input(shape=(), dtype=tf.string, name="item_id")
    codes = CodeLookup(table)(item_id)
    fields = SelfGatingFusion()(SemanticIdEmbedding(2, 4, embedding_dim=3)(codes))
    logit = keras.layers.Dense(1)(keras.layers.Flatten()(fields))
    return keras.Model(item_id, logit)


def test_a_keras_model_saves_and_loads_with_its_codes(model, item_ids, tmp_path):
    for file in ("saved_model", "model.keras"):
        model.save(tmp_path / file)
        loaded = keras.models.load_model(tmp_path / file)
        np.testing.assert_allclose(loaded(item_ids), model(item_ids), atol=1e-7)


def test_a_saved_model_serves_raw_item_ids(model, item_ids, tmp_path):
    tf.saved_model.save(model, str(tmp_path / "export"))
    serve = tf.saved_model.load(str(tmp_path / "export")).signatures["serving_default"]
    (logits,) = serve(item_id=item_ids).values()
    np.testing.assert_allclose(logits, model(item_ids), atol=1e-7)


def test_a_keras_model_trains_through_the_lookup(model):
    ids = tf.constant(["a", "b"] * 32)
    labels = tf.constant([[1.0], [0.0]] * 32)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss)
    before = model.evaluate(ids, labels, verbose=0)
    model.fit(ids, labels, epochs=30, verbose=0)
    assert model.evaluate(ids, labels, verbose=0) < 0.5 * before
