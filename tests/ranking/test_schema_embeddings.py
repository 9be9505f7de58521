import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.data.schema import CategoricalFeature, CodeFeature, Schema
from moc_tf.ranking import SchemaEmbeddings, SelfGatingFusion

USER, BRAND = CategoricalFeature("user", 5), CategoricalFeature("brand", 3)
CODES = CodeFeature("codes", num_codebooks=2, codebook_size=4)
FEATURES = {
    "brand": tf.constant([2, 0, 1]),
    "user": tf.constant([4, 0, 3]),
    "codes": tf.constant([[3, 0], [-1, -1], [1, 2]]),
    "item_id": tf.constant(["ignored"] * 3),
}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_fields_stand_in_the_order_of_the_schema(place):
    features = [USER, BRAND]
    features.insert(place, CODES)
    layer = SchemaEmbeddings(Schema(tuple(features)), embedding_dim=3)
    outputs = layer(FEATURES).numpy()
    fields, codes = layer.fields.embeddings.numpy(), layer.codes.embeddings.numpy()
    expected = [fields[[4, 0, 3]], fields[[5 + 2, 5 + 0, 5 + 1]]]
    expected[place:place] = [codes[[4, 0, 2]], codes[[5 + 1, 5 + 0, 5 + 3]]]
    np.testing.assert_array_equal(outputs, np.stack(expected, axis=1))


def test_the_tables_of_a_code_are_fields_side_by_side():
    repeated = CodeFeature("codes", 2, 4, tables_per_code=3)
    schema = Schema((USER, repeated, BRAND))
    layer = SchemaEmbeddings(schema, 2)
    outputs = layer(FEATURES).numpy()
    assert outputs.shape == (3, schema.num_fields, 2) == (3, 8, 2)
    tables = layer.codes.embeddings.numpy().reshape(2, 3, 5, 2)
    for field, (code, table) in enumerate(np.ndindex(2, 3), start=1):
        rows = FEATURES["codes"].numpy()[:, code] + 1
        np.testing.assert_array_equal(outputs[:, field], tables[code, table, rows])
    np.testing.assert_array_equal(
        outputs[:, 7], layer.fields.embeddings.numpy()[[5 + 2, 5 + 0, 5 + 1]]
    )


def test_the_fusion_mixes_the_codes_alone():
    schema = Schema((USER, CODES, BRAND))
    layer = SchemaEmbeddings(schema, 3, "self_gating", "uniform")
    outputs = layer(FEATURES).numpy()
    fused = layer.fusion(layer.codes(FEATURES["codes"]))
    np.testing.assert_array_equal(outputs[:, 1:3], fused)
    user = layer.fields.embeddings.numpy()[[4, 0, 3]]
    np.testing.assert_array_equal(outputs[:, 0], user)


def test_a_schema_without_codes_needs_no_fusion():
    layer = SchemaEmbeddings(Schema((USER, BRAND)), 3, fusion="self_gating")
    assert layer(FEATURES).shape == (3, 2, 3)
    assert layer.count_params() == (5 + 3) * 3


def test_a_schema_of_codes_alone_works():
    layer = SchemaEmbeddings(Schema((CODES,)), 3)
    np.testing.assert_array_equal(layer(FEATURES), layer.codes(FEATURES["codes"]))


def test_one_initializer_gives_every_table_its_own_values():
    initializer = keras.initializers.RandomNormal()
    layer = SchemaEmbeddings(Schema((USER, CODES)), 3, "none", initializer)
    layer(FEATURES)
    assert not np.isin(layer.fields.embeddings, layer.codes.embeddings).any()


def test_the_penalty_is_on_the_rows_of_the_batch_while_training():
    layer = SchemaEmbeddings(
        Schema((USER, CODES)), 2, "self_gating", "uniform", embedding_l2=0.1
    )
    layer(FEATURES, training=False)
    assert layer.losses == []
    layer(FEATURES, training=True)
    used = [
        layer.fields.embeddings.numpy()[[4, 0, 3]],
        layer.codes.embeddings.numpy()[[4, 0, 2]],
        layer.codes.embeddings.numpy()[[5 + 1, 5 + 0, 5 + 3]],
    ]
    expected = 0.1 * sum(np.sum(np.square(rows)) for rows in used) / 3
    assert float(sum(layer.losses)) == pytest.approx(expected, rel=1e-5)


def test_a_missing_feature_raises():
    layer = SchemaEmbeddings(Schema((USER, BRAND)), 3)
    with pytest.raises(ValueError, match=r"lacks: \['brand'\].*Received: \['user'\]"):
        layer({"user": tf.constant([1])})


def test_a_negative_penalty_raises():
    with pytest.raises(ValueError, match=r"embedding_l2.*Received: -1"):
        SchemaEmbeddings(Schema((USER,)), 3, embedding_l2=-1)


def test_it_comes_back_from_its_configuration():
    layer = SchemaEmbeddings(
        Schema((USER, CODES, BRAND)),
        3,
        SelfGatingFusion(hidden_units=2),
        keras.initializers.RandomUniform(-0.1, 0.1, seed=3),
        embedding_l2=1e-3,
    )
    twin = keras.layers.deserialize(keras.layers.serialize(layer))
    assert twin.get_config() == layer.get_config()
    np.testing.assert_array_equal(twin(FEATURES)[:, 0], layer(FEATURES)[:, 0])
