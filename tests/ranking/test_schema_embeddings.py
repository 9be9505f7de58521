import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.data.schema import (
    CategoricalFeature,
    CodeFeature,
    IdTablesFeature,
    MultiValuedFeature,
    NumericFeature,
    Schema,
    VectorFeature,
)
from moc_tf.ranking import SchemaEmbeddings, SelfGatingFusion

USER, BRAND = CategoricalFeature("user", 5), CategoricalFeature("brand", 3)
CODES = CodeFeature("codes", num_codebooks=2, codebook_size=4)
TAGS, LABELS = MultiValuedFeature("tags", 4), MultiValuedFeature("labels", 2, "sum")
PRICE, AGE = NumericFeature("price", 2.0, 0.5), NumericFeature("age", log1p=True)
TEXT = VectorFeature("text", 2, 1, (1.0, -1.0), 2.0)
USER_TABLES = IdTablesFeature("user_tables", "user", 5, num_tables=3)
FEATURES = {
    "brand": tf.constant([2, 0, 1]),
    "user": tf.constant([4, 0, 3]),
    "codes": tf.constant([[3, 0], [-1, -1], [1, 2]]),
    "tags": tf.constant([[3, 0, -1], [-1, -1, -1], [2, 2, 2]]),
    "labels": tf.ragged.constant([[1, 1], [0], []], dtype=tf.int32),
    "price": tf.constant([2.0, 3.0, 2.5]),
    "age": tf.constant([0, 1, 3]),
    "text": tf.constant([[1, -1], [3, 5], [0, 0]], tf.float16),
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


@pytest.mark.parametrize("seed", range(4))
def test_fields_of_every_kind_stand_in_the_order_of_the_schema(seed):
    features = [USER, BRAND, CODES, TAGS, LABELS, PRICE, AGE, TEXT]
    order = np.random.default_rng(seed).permutation(len(features))
    schema = Schema(tuple(features[place] for place in order))
    layer = SchemaEmbeddings(schema, 3, embeddings_initializer="uniform")
    outputs = layer(FEATURES).numpy()
    assert outputs.shape == (3, schema.num_fields, 3) == (3, 9, 3)

    sizes = [feature.vocabulary_size for feature in schema.categorical]
    tables = np.split(layer.fields.embeddings.numpy(), np.cumsum(sizes)[:-1])
    table = dict(zip([f.name for f in schema.categorical], tables, strict=True))
    kernels = layer.numeric.kernel.numpy()
    kernel = dict(
        zip([f.name for f in schema.of_kind(NumericFeature)], kernels, strict=True)
    )
    tag, label = (
        layer.bags[schema.of_kind(MultiValuedFeature).index(feature)].embeddings.numpy()
        for feature in (TAGS, LABELS)
    )
    fields = {
        "user": table["user"][[4, 0, 3]],
        "brand": table["brand"][[2, 0, 1]],
        "price": np.outer([0, 2, 1], kernel["price"]),
        "age": np.outer(np.log([1, 2, 4]), kernel["age"]),
        "tags": [tag[[4, 1]].mean(axis=0), tag[0], tag[3]],
        "labels": [2 * label[2], label[1], label[0]],
        "codes": np.transpose(layer.codes(FEATURES["codes"]), [1, 0, 2]),
        "text": np.transpose(layer.vectors[0](FEATURES["text"]), [1, 0, 2]),
    }
    expected = [np.reshape(fields[f.name], (-1, 3, 3)) for f in schema.features]
    expected = np.transpose(np.concatenate(expected), [1, 0, 2])
    np.testing.assert_allclose(outputs, expected, atol=1e-6)


def test_id_tables_read_the_ids_of_their_feature():
    layer = SchemaEmbeddings(Schema((USER, USER_TABLES, BRAND)), 2)
    outputs = layer(FEATURES).numpy()
    assert outputs.shape == (3, 5, 2)
    tables = layer.id_tables.embeddings.numpy().reshape(3, 5, 2)
    assert layer.id_tables.count_params() == 3 * 5 * 2
    for field, table in enumerate(tables, start=1):
        np.testing.assert_array_equal(outputs[:, field], table[[4, 0, 3]])
    np.testing.assert_array_equal(
        outputs[:, 0], layer.fields.embeddings.numpy()[[4, 0, 3]]
    )


@pytest.mark.parametrize("fused", [USER_TABLES, VectorFeature("text", 2, 3)])
def test_the_fusion_mixes_id_tables_and_several_fields_of_a_vector(fused):
    gating = SelfGatingFusion(hidden_units=4, activation=None)
    layer = SchemaEmbeddings(Schema((fused, USER)), 2, gating, "uniform")
    outputs = layer(FEATURES).numpy()
    layer.fusion.up.kernel.assign(tf.zeros_like(layer.fusion.up.kernel))
    halved = layer(FEATURES).numpy()  # a gate of nothing is one half
    assert layer.fusion.up.kernel.shape[1] == 3 * 2
    assert not np.allclose(outputs[:, :3], halved[:, :3])
    np.testing.assert_array_equal(outputs[:, 3], halved[:, 3])
    plain = SchemaEmbeddings(Schema((fused, USER)), 2)
    plain(FEATURES)
    fusion = layer.fusion.weights
    own = [w for w in layer.weights if not any(w is other for other in fusion)]
    plain.set_weights([w.numpy() for w in own])
    np.testing.assert_allclose(plain(FEATURES)[:, :3], 2 * halved[:, :3], rtol=1e-5)


def test_one_field_of_a_vector_is_not_fused():
    layer = SchemaEmbeddings(Schema((TEXT, CODES)), 2, "self_gating")
    outputs = layer(FEATURES).numpy()
    assert layer.fusion.up.kernel.shape[1] == 2 * 2
    np.testing.assert_array_equal(outputs[:, :1], layer.vectors[0](FEATURES["text"]))


def test_numbers_alone_need_no_table():
    layer = SchemaEmbeddings(Schema((PRICE, AGE)), 2, "self_gating", embedding_l2=1.0)
    assert layer(FEATURES, training=True).shape == (3, 2, 2)
    assert layer.losses == []
    assert layer.count_params() == 2 * 2 * 2
    bare = SchemaEmbeddings(Schema((PRICE, AGE)), 2, numeric_bias=False)
    bare(FEATURES)
    assert bare.count_params() == 2 * 2


def test_half_precision_leaves_the_numbers_until_they_are_standardised():
    time = NumericFeature("time", mean=1.4e9, scale=1e6)
    layer = SchemaEmbeddings(
        Schema((time,)), 1, embeddings_initializer="ones", dtype="mixed_bfloat16"
    )
    assert float(layer({"time": tf.constant([1.402e9])})[0, 0, 0]) == 2.0


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


def test_the_penalty_is_on_the_rows_of_every_table():
    schema = Schema((USER, USER_TABLES, TAGS, LABELS, PRICE, TEXT))
    layer = SchemaEmbeddings(schema, 2, "self_gating", "uniform", embedding_l2=0.1)
    layer(FEATURES, training=True)
    id_tables = layer.id_tables.embeddings.numpy().reshape(3, 5, 2)
    used = [
        layer.fields.embeddings.numpy()[[4, 0, 3]],
        id_tables[:, [4, 0, 3]],
        layer.bags[0].embeddings.numpy()[[4, 1, 0, 3, 3, 3]],
        layer.bags[1].embeddings.numpy()[[2, 2, 1, 0]],
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


def test_every_kind_comes_back_from_its_configuration():
    schema = Schema((USER, USER_TABLES, TAGS, LABELS, PRICE, TEXT))
    layer = SchemaEmbeddings(schema, 3, numeric_bias=False)
    twin = keras.layers.deserialize(keras.layers.serialize(layer))
    assert twin.schema == schema
    assert twin.get_config() == layer.get_config()
    layer(FEATURES)
    twin(FEATURES)
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(twin(FEATURES), layer(FEATURES))


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


def test_a_seed_gives_each_table_numbers_of_its_own():
    schema = Schema((USER, USER_TABLES, PRICE, TAGS, LABELS))
    seeded = keras.initializers.RandomNormal(stddev=1.0, seed=7)
    layers = [SchemaEmbeddings(schema, 2, "none", seeded) for _ in range(2)]
    layers.append(SchemaEmbeddings(Schema((USER, CODES)), 2, "none", seeded))
    for layer in layers:
        layer(FEATURES)
    for one, again in zip(layers[0].weights, layers[1].weights, strict=True):
        np.testing.assert_array_equal(one, again)
    drawn = [w.numpy()[0, 0] for w in layers[0].weights if "bias" not in w.name]
    drawn.append(layers[2].codes.embeddings.numpy()[0, 0])
    assert len(set(drawn)) == len(drawn) == 6


@pytest.mark.parametrize("name", ["user", "price"])
def test_a_feature_of_two_dimensions_is_named(name):
    layer = SchemaEmbeddings(Schema((USER, BRAND, PRICE)), 3)
    features = {**FEATURES, name: FEATURES[name][:, tf.newaxis]}
    with pytest.raises(ValueError, match=rf"'{name}' .*\[batch\].*shape \(3, 1\)"):
        layer(features)


def test_ids_may_be_of_different_integers():
    layer = SchemaEmbeddings(Schema((USER, BRAND)), 3)
    expected = layer(FEATURES)
    mixed = {**FEATURES, "brand": tf.cast(FEATURES["brand"], tf.int64)}
    np.testing.assert_array_equal(layer(mixed), expected)
    with pytest.raises(ValueError, match=r"'brand' must hold integers.*float32"):
        layer({**FEATURES, "brand": tf.cast(FEATURES["brand"], tf.float32)})


def test_a_time_beside_a_float_is_standardised_exactly():
    time = NumericFeature("time", mean=1.4e9, scale=100.0)
    layer = SchemaEmbeddings(Schema((time, PRICE)), 1, "none", "ones")
    times = tf.constant([1_400_000_000, 1_400_000_030, 1_400_000_060])
    outputs = layer({**FEATURES, "time": times})
    np.testing.assert_allclose(outputs[:, 0, 0], [0, 0.3, 0.6], rtol=1e-6)
    np.testing.assert_allclose(outputs[:, 1, 0], [0, 2, 1], rtol=1e-6)
