import json

import numpy as np
import pytest
import tensorflow as tf

from moc_tf import CodeTable
from moc_tf._keras import keras
from moc_tf.ranking import CodeLookup, SelfGatingFusion, SemanticIdEmbedding


@pytest.fixture
def table():
    ids = ["b", "a", "ключ", "10", "two\nlines"]
    codes = [[0, 3], [2, 1], [1, 1], [3, 0], [2, 2]]
    return CodeTable(ids, codes, 4, {"method": "test", "fit": {"items": [5]}})


@pytest.fixture
def item_ids():
    return tf.constant(["ключ", "new", "b", "", "10", "b", "two\nlines"])


def test_codes_are_those_of_the_table_and_minus_one_for_others(table, item_ids):
    expected = [[1, 1], [-1, -1], [0, 3], [-1, -1], [3, 0], [0, 3], [2, 2]]
    codes = CodeLookup(table)(item_ids)
    assert codes.dtype == tf.int32
    assert codes.numpy().tolist() == expected
    looked_up = table.lookup([i.decode() for i in item_ids.numpy()], "unknown")
    np.testing.assert_array_equal(codes, looked_up)


def test_codes_are_not_trained(table, item_ids):
    layer = CodeLookup(table)
    layer(item_ids)
    assert layer.trainable_weights == []
    assert [weight.shape for weight in layer.get_weights()] == [(6, 2)]


def test_other_types_than_strings_raise(table):
    with pytest.raises(ValueError, match=r"item_ids must be strings.*int32"):
        CodeLookup(table)(tf.constant([10]))


def test_the_table_is_read_back(table):
    assert CodeLookup(table).table == table
    repeated = CodeTable(["a"], [[0]], 4, tables_per_code=3)
    assert CodeLookup(repeated).table == repeated


def test_new_items_are_known_to_a_model_that_is_traced_already(model, table, tmp_path):
    asked = tf.constant(["a", "new", "newer", "strange"])
    before = model.predict(asked, verbose=0)
    layer = model.layers[1]
    layer.extend(["new", "newer"], [[2, 1], [0, 3]])
    after = model.predict(asked, verbose=0)
    np.testing.assert_array_equal(after[[0, 3]], before[[0, 3]])
    known = model.predict(tf.constant(["a", "b"]), verbose=0)
    np.testing.assert_array_equal(after[1:3], known)  # their codes are the same
    assert np.abs(after[1:3] - before[1:3]).min() > 1e-4
    layer.extend(["newest"], [[3, 3]])
    items = [*table.item_ids, "new", "newer", "newest"]
    assert layer.table.item_ids.tolist() == items
    codes = [[2, 1], [0, 3], [-1, -1], [3, 3], [1, 1]]
    ids = tf.constant(["new", "newer", "strange", "newest", "ключ"])
    assert layer(ids).numpy().tolist() == codes

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[1].table == layer.table
    assert loaded.layers[1].get_config() == layer.get_config()
    tf.saved_model.save(model, str(tmp_path / "export"))
    serve = tf.saved_model.load(str(tmp_path / "export")).signatures["serving_default"]
    (served,) = serve(item_id=asked).values()
    np.testing.assert_allclose(served, after, atol=1e-7)


def test_what_contradicts_the_table_is_refused_and_changes_nothing(table, item_ids):
    layer = CodeLookup(table)
    before = layer(item_ids).numpy()
    with pytest.raises(ValueError, match=r"with other codes.*'a'"):
        layer.extend(["new", "a"], [[1, 1], [0, 0]])
    with pytest.raises(ValueError, match="as many codebooks as the table, 2"):
        layer.extend(["new"], [[1]])
    with pytest.raises(ValueError, match="method"):
        layer.extend(["new"], [[1, 1]], {"method": "another"})
    assert layer.table == table
    np.testing.assert_array_equal(layer(item_ids), before)


def test_the_configuration_tells_the_shape_and_a_checkpoint_the_rest(
    table, item_ids, tmp_path
):
    layer = CodeLookup(table, name="lookup")
    config = keras.layers.serialize(layer)
    assert "ключ" not in json.dumps(config, ensure_ascii=False)
    twin = keras.layers.deserialize(json.loads(json.dumps(config)))
    assert (twin.name, twin.get_config()) == ("lookup", layer.get_config())
    path = tf.train.Checkpoint(layer=layer).write(str(tmp_path / "checkpoint"))
    status = tf.train.Checkpoint(layer=twin).read(path)
    status.assert_consumed().assert_existing_objects_matched()
    np.testing.assert_array_equal(twin(item_ids), layer(item_ids))
    assert twin.table == table


def test_a_layer_without_its_ids_says_so_and_no_embedding_takes_its_codes(
    table, item_ids
):
    layer = CodeLookup.from_config(CodeLookup(table).get_config())
    layer.set_weights(CodeLookup(table).get_weights())
    with pytest.raises(
        ValueError, match=r"ids were not loaded.*'num_items': 5.* 0 ids"
    ):
        _ = layer.table
    with pytest.raises(ValueError, match="ids were not loaded"):
        layer.save_own_variables({})
    codes = layer(item_ids)
    assert set(codes.numpy().ravel().tolist()) == {-2}
    with pytest.raises(tf.errors.InvalidArgumentError, match="outside its table"):
        SemanticIdEmbedding(2, 4, embedding_dim=3)(codes)


def test_an_empty_table_knows_no_item(item_ids):
    layer = CodeLookup(CodeTable([], np.zeros((0, 2), int), 4))
    twin = CodeLookup.from_config(layer.get_config())
    for each in (layer, twin):
        assert set(each(item_ids).numpy().ravel().tolist()) == {-1}
        assert len(each.table) == 0


def test_other_codes_are_loaded_in_place_of_the_present_ones(table, item_ids):
    other = CodeTable(["a", "new", "", "x", "y"], table.codes[::-1], 4)
    store = {}
    CodeLookup(other).save_own_variables(store)
    layer = CodeLookup(table)
    layer.load_own_variables(store)
    np.testing.assert_array_equal(layer(item_ids), CodeLookup(other)(item_ids))
    narrow = CodeLookup(CodeTable(other.item_ids, other.codes[:, :1], 4))
    with pytest.raises(ValueError, match=r"\(5, 1\), \[items.*shape \(5, 2\)"):
        narrow.load_own_variables(store)


@pytest.fixture
def model(table):
    """What a user writes to put semantic IDs into a model of their own."""
    item_id = keras.Input(shape=(), dtype=tf.string, name="item_id")
    codes = CodeLookup(table)(item_id)
    fields = SelfGatingFusion()(SemanticIdEmbedding(2, 4, embedding_dim=3)(codes))
    logit = keras.layers.Dense(1)(keras.layers.Flatten()(fields))
    return keras.Model(item_id, logit)


@pytest.mark.parametrize("file", ["saved_model", "model.keras"])
def test_a_keras_model_saves_and_loads_with_its_codes(model, item_ids, tmp_path, file):
    model.save(tmp_path / file)
    loaded = keras.models.load_model(tmp_path / file)
    np.testing.assert_allclose(loaded(item_ids), model(item_ids), atol=1e-7)
    assert loaded.layers[1].table == model.layers[1].table


def test_weights_of_a_model_come_back_from_a_checkpoint(model, item_ids, tmp_path):
    model.save_weights(tmp_path / "weights")
    twin = keras.Model.from_config(model.get_config())
    twin.load_weights(tmp_path / "weights").assert_consumed()
    np.testing.assert_allclose(twin(item_ids), model(item_ids), atol=1e-7)


def test_a_saved_model_serves_raw_item_ids(model, item_ids, tmp_path):
    tf.saved_model.save(model, str(tmp_path / "export"))
    serve = tf.saved_model.load(str(tmp_path / "export")).signatures["serving_default"]
    (logits,) = serve(item_id=item_ids).values()
    np.testing.assert_allclose(logits, model(item_ids), atol=1e-7)


def test_two_saved_models_in_one_process_keep_their_own_tables(
    tmp_path, item_ids, monkeypatch
):
    from tensorflow.python.framework import ops

    outputs = []
    for name, ids in (("one", ["b", "10"]), ("other", ["ключ", "b"])):
        module = tf.Module()
        with monkeypatch.context() as patch:  # as if made in two processes
            patch.setattr(ops, "uid", lambda: 10**6)
            module.codes = CodeLookup(CodeTable(ids, [[0], [1]], 2))
        spec = tf.TensorSpec([None], tf.string, "item_id")
        call = tf.function(module.codes.call).get_concrete_function(spec)
        tf.saved_model.save(module, str(tmp_path / name), {"codes": call})
        outputs.append(module.codes(item_ids).numpy())
    loaded = [tf.saved_model.load(str(tmp_path / n)) for n in ("one", "other")]
    for each, expected in zip(loaded, outputs, strict=True):
        (codes,) = each.signatures["codes"](item_id=item_ids).values()
        np.testing.assert_array_equal(codes, expected)


def test_a_keras_model_trains_through_the_lookup(model):
    ids = tf.constant(["a", "b"] * 32)
    labels = tf.constant([[1.0], [0.0]] * 32)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss)
    before = model.evaluate(ids, labels, verbose=0)
    model.fit(ids, labels, epochs=30, verbose=0)
    assert model.evaluate(ids, labels, verbose=0) < 0.5 * before
