import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf
import tensorflow_recommenders as tfrs

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
from moc_tf.ranking import (
    DCNv2,
    DeepFM,
    LazyAdam,
    Ranker,
    SelfGatingFusion,
    SemanticIdEmbedding,
    make_ranker,
)

SCHEMA = Schema(
    (
        CategoricalFeature("user", 20),
        CodeFeature("codes", num_codebooks=3, codebook_size=4),
        CategoricalFeature("brand", 6),
    ),
    label="click",
)
NAMES = ["deepfm", "dcn_v2"]


def rows(n=10, seed=0):
    """Examples whose label is a function of one code."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(-1, 4, (n, 3)).astype(np.int32)
    return {
        "user": rng.integers(0, 20, n).astype(np.int32),
        "brand": rng.integers(0, 6, n).astype(np.int32),
        "codes": codes,
        "click": (codes[:, 1] > 1).astype(np.float32),
    }


def dataset(n=10, batch=4):
    return tf.data.Dataset.from_tensor_slices(rows(n)).batch(batch)


def small(name, **options):
    interaction = {
        "deepfm": DeepFM(hidden_units=(8,)),
        "dcn_v2": DCNv2(num_cross_layers=1, hidden_units=(8,)),
    }[name]
    return make_ranker(interaction, SCHEMA, embedding_dim=4, **options)


def tables_of(model):
    return [w for w in model.trainable_weights if "embeddings:" in w.name]


def test_the_schema_alone_builds_the_weights():
    model = small("deepfm")
    model.build()
    weights = model.get_weights()
    model(rows())
    assert len(model.weights) == len(weights)
    for built, used in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(built, used)


def test_deepfm_adds_the_interaction_and_one_weight_for_each_id():
    model = small("deepfm", embeddings_initializer="uniform")
    batch = rows()
    model.build()
    rng = np.random.default_rng(1)
    assert not model.linear(batch).numpy().any()
    for table in (model.linear.fields.embeddings, model.linear.codes.embeddings):
        table.assign(rng.normal(size=table.shape))
    fields, codes = (
        table.numpy()[:, 0]
        for table in (model.linear.fields.embeddings, model.linear.codes.embeddings)
    )
    linear = fields[batch["user"]] + fields[20 + batch["brand"]]
    for n in range(3):
        linear += codes[5 * n + 1 + batch["codes"][:, n]]
    expected = model.interaction(model.embeddings(batch)).numpy() + linear
    np.testing.assert_allclose(model(batch), expected, rtol=1e-5, atol=1e-6)


def test_dcn_v2_is_the_interaction_of_the_embeddings():
    model = small("dcn_v2")
    assert model.linear is None
    expected = model.interaction(model.embeddings(rows()))
    np.testing.assert_array_equal(model(rows()), expected)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_have_a_closed_form(name):
    schema = Schema(
        (
            CategoricalFeature("user", 1000),
            CategoricalFeature("item", 100),
            CategoricalFeature("brand", 20),
            CategoricalFeature("category", 5),
            CodeFeature("codes", num_codebooks=7, codebook_size=256),
        )
    )
    model = make_ranker(name, schema)
    model.build()
    num_rows, width = 1000 + 100 + 20 + 5 + 7 * 257, 11 * 16
    mlp = (width + 1) * 256 + 257 * 128 + 129 * 64
    tables, fusion = num_rows * 16, 2 * 112 * 28
    expected = {
        "deepfm": tables + num_rows + fusion + mlp + 66,
        "dcn_v2": tables + fusion + mlp + 3 * (width**2 + width) + width + 64 + 1,
    }
    assert model.count_params() == expected[name]


@pytest.mark.parametrize("name", NAMES)
def test_only_the_features_of_the_schema_count(name):
    model = small(name)
    batch = rows()
    logits = model(batch)
    assert logits.shape == (10,)
    assert logits.dtype == tf.float32
    bare = {key: batch[key] for key in ("user", "brand", "codes")}
    np.testing.assert_array_equal(model(bare), logits)
    more = bare | {"item_id": np.array(["x"] * 10)}
    np.testing.assert_array_equal(model(more), logits)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_trains_and_predicts(name):
    model = small(name)
    model.compile(optimizer=LazyAdam(), run_eagerly=True)
    model.fit(dataset(3, batch=1), verbose=0)
    one = {key: value[:1] for key, value in rows().items()}
    np.testing.assert_allclose(model(one), model(rows())[:1], atol=1e-6)


def test_the_loss_is_the_mean_of_the_batch():
    model = small("dcn_v2", embeddings_initializer="uniform")
    batch = rows()
    probabilities = tf.sigmoid(model(batch)).numpy()
    expected = sklearn.metrics.log_loss(batch["click"], probabilities)
    assert float(model.compute_loss(batch)) == pytest.approx(expected, rel=1e-5)


def test_logloss_is_the_mean_of_all_examples_with_a_partial_last_batch():
    model = small("dcn_v2", embeddings_initializer="uniform")
    model.compile(optimizer=LazyAdam(), run_eagerly=True)
    logged = model.evaluate(dataset(10, batch=4), return_dict=True, verbose=0)
    logits = model.predict(dataset(10, batch=4), verbose=0)
    assert logits.shape == (10,)
    losses = np.log1p(np.exp(np.where(rows()["click"] == 1, -logits, logits)))
    assert logged["logloss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert logged["loss"] == pytest.approx(np.mean(losses[8:]), rel=1e-5)


def test_a_step_descends_the_mean_of_the_batch():
    model = small("deepfm")
    model.compile(optimizer=keras.optimizers.SGD(1.0), run_eagerly=True)
    batch = {key: tf.constant(value) for key, value in rows().items()}
    model(batch)
    (bias,) = [w for w in model.interaction.weights if w.shape == (1,)]
    error = tf.sigmoid(model(batch)).numpy() - rows()["click"]
    before = bias.numpy().item()
    model.fit(dataset(10, batch=10), verbose=0)
    assert bias.numpy().item() == pytest.approx(before - np.mean(error), abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_all_tables_are_sparse(name):
    model = small(name, embedding_l2=0.1)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(rows(), training=True) + sum(model.losses)
    tables = tables_of(model)
    assert len(tables) == (4 if name == "deepfm" else 2)
    for gradient in tape.gradient(loss, tables):
        assert isinstance(gradient, tf.IndexedSlices)


@pytest.mark.parametrize("name", NAMES)
def test_training_leaves_the_rows_of_absent_ids(name):
    model = small(name, embedding_l2=0.1)
    model.compile(optimizer=LazyAdam(), run_eagerly=True)
    model.build()
    before = model.embeddings.fields.embeddings.numpy()
    model.fit(dataset(), verbose=0)
    moved = (model.embeddings.fields.embeddings.numpy() != before).any(axis=1)
    used = {*rows()["user"].tolist(), *(20 + rows()["brand"]).tolist()}
    assert set(np.flatnonzero(moved)) == used


@pytest.mark.parametrize("name", NAMES)
def test_training_finds_what_separates_the_labels(name):
    model = small(name)
    model.compile(optimizer=LazyAdam(0.01))
    data = dataset(256, batch=64)
    history = model.fit(data, validation_data=data, epochs=20, verbose=0).history
    assert history["logloss"][0] > 0.5
    assert history["logloss"][-1] < 0.15
    assert history["val_logloss"][-1] < 0.15


def test_the_penalty_joins_the_loss_while_training():
    model = small("deepfm", embedding_l2=0.5, embeddings_initializer="ones")
    model.compile(optimizer=keras.optimizers.SGD(0.0), run_eagerly=True)
    model.build()
    for table in (model.linear.fields.embeddings, model.linear.codes.embeddings):
        table.assign(tf.ones_like(table))
    logged = model.fit(dataset(8, batch=4), verbose=0).history
    assert logged["regularization_loss"] == [pytest.approx(0.5 * 5 * (4 + 1))]
    assert logged["total_loss"][0] == pytest.approx(logged["loss"][0] + 12.5)
    evaluated = model.evaluate(dataset(), return_dict=True, verbose=0)
    assert evaluated["regularization_loss"] == 0


def test_compiling_leaves_xla_off():
    model = small("deepfm")
    model.compile(optimizer=LazyAdam())
    assert not model.jit_compile


def test_a_missing_label_raises():
    batch = rows()
    del batch["click"]
    with pytest.raises(ValueError, match=r"label 'click' is missing.*'brand', 'codes'"):
        small("deepfm").compute_loss(batch)


def test_unknown_names_raise_with_the_known_ones():
    with pytest.raises(ValueError, match=r"interaction.*\['autoint_plus', 'dcn_v2', "):
        make_ranker("dcn", SCHEMA)
    with pytest.raises(ValueError, match=r"fusion.*'none'.*'self_gating'"):
        make_ranker("dcn_v2", SCHEMA, fusion="gate")


@pytest.mark.parametrize(
    "model",
    [
        make_ranker("deepfm", SCHEMA, fusion="none", name="plain"),
        small(
            "dcn_v2",
            fusion=SelfGatingFusion(2, activation=None),
            embeddings_initializer=keras.initializers.RandomUniform(-0.1, 0.1),
            embedding_l2=1e-4,
        ),
    ],
)
def test_a_ranker_comes_back_from_its_configuration(model):
    twin = Ranker.from_config(model.get_config())
    assert twin.get_config() == model.get_config()
    model(rows())
    twin(rows())
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin(rows()), model(rows()))


@pytest.mark.parametrize("file", ["ranker.keras", "saved_model"])
def test_a_trained_ranker_saves_and_loads(file, tmp_path):
    model = small("deepfm")
    model.compile(optimizer=LazyAdam())
    model.fit(dataset(), verbose=0)
    model.save(tmp_path / file)
    loaded = keras.models.load_model(tmp_path / file)
    np.testing.assert_allclose(loaded(rows()), model(rows()), atol=1e-6)
    assert isinstance(loaded.optimizer, LazyAdam)


def test_the_layers_work_in_a_hand_written_tfrs_model():
    class TwoFields(tfrs.Model):
        def __init__(self):
            super().__init__()
            self.user = keras.layers.Embedding(20, 4)
            self.codes = keras.Sequential(
                [
                    SemanticIdEmbedding(3, 4, 4),
                    SelfGatingFusion(),
                    keras.layers.Flatten(),
                ]
            )
            self.logit = keras.layers.Dense(1)
            self.task = tfrs.tasks.Ranking(
                loss=keras.losses.BinaryCrossentropy(from_logits=True)
            )

        def call(self, features):
            joined = [self.user(features["user"]), self.codes(features["codes"])]
            return self.logit(tf.concat(joined, axis=1))

        def compute_loss(self, inputs, training=False):
            return self.task(labels=inputs["click"][:, None], predictions=self(inputs))

    model = TwoFields()
    model.compile(optimizer=LazyAdam(0.02))
    losses = model.fit(dataset(64, batch=64), epochs=60, verbose=0).history["loss"]
    assert losses[-1] < 0.3 < losses[0]


def test_any_layer_can_be_the_interaction():
    class SumOfAll(keras.layers.Layer):
        def call(self, embeddings):
            return tf.reduce_sum(embeddings, axis=[1, 2])

    model = make_ranker(SumOfAll(), SCHEMA, "none", embeddings_initializer="ones")
    assert model(rows()).numpy().tolist() == [5 * 16.0] * 10
    assert model.linear is None


# Of every kind, and the vector fused.
RICH = Schema(
    (
        NumericFeature("price", mean=2.0, scale=0.5),
        CategoricalFeature("user", 20),
        MultiValuedFeature("tags", 5),
        VectorFeature("text", 6, num_fields=3, mean=(0.5,) * 6, scale=2.0),
    ),
    label="click",
)


def rich_rows(n=10):
    rng = np.random.default_rng(0)
    return {
        "price": rng.normal(size=n).astype(np.float32),
        "user": rng.integers(0, 20, n).astype(np.int32),
        "tags": rng.integers(-1, 5, (n, 3)).astype(np.int32),
        "text": rng.normal(size=(n, 6)).astype(np.float16),
        "click": rng.integers(0, 2, n).astype(np.float32),
    }


def test_a_number_has_one_linear_weight_and_a_vector_none():
    model = make_ranker(DeepFM((8,)), RICH, embeddings_initializer="uniform")
    batch = rich_rows()
    model(batch)
    assert model.linear.count_params() == 1 + 20 + (5 + 1)
    model.linear.numeric.kernel.assign([[3.0]])
    before = model.interaction(model.embeddings(batch)).numpy()
    expected = before + 3 * (batch["price"] - 2) / 0.5
    np.testing.assert_allclose(model(batch), expected, rtol=1e-5, atol=1e-6)


def test_vectors_alone_have_no_linear_term():
    model = make_ranker(DeepFM((8,)), Schema((VectorFeature("text", 6),)))
    assert model.linear is None
    assert model(rich_rows()).shape == (10,)


@pytest.mark.parametrize("fusion", ["none", "self_gating"])
def test_parameters_of_the_controls_have_a_closed_form(fusion):
    item, d, n, x = CategoricalFeature("item", 100), 16, 7, 768
    controls = {
        "id_me": IdTablesFeature("item_tables", "item", 100, n),
        "adaptor": VectorFeature("vector", x, n),
        "moc": CodeFeature("codes", n, 256),
    }
    parameters = {}
    for name, feature in controls.items():
        model = make_ranker("dcn_v2", Schema((item, feature)), fusion)
        model.build()
        parameters[name] = sum(
            np.prod(weight.shape) for weight in model.trainable_weights
        )
    width = (1 + n) * d  # fields are as many, and so is all that follows them
    mlp = (width + 1) * 256 + 257 * 128 + 129 * 64
    rest = 100 * d + mlp + 3 * (width**2 + width) + width + 64 + 1
    rest += 2 * (n * d) * (n * d // 4) if fusion == "self_gating" else 0
    assert parameters == {
        "id_me": rest + n * 100 * d,
        "adaptor": rest + n * ((x + 1) * 4 * d + (4 * d + 1) * d),
        "moc": rest + n * 257 * d,
    }


def test_id_tables_know_no_unseen_item_and_vectors_tell_them_apart():
    item = CategoricalFeature("item", 100)
    batch = {
        "item": tf.constant([0, 0, 5]),
        "vector": tf.constant([[1.0, 2], [-2, 1], [1, 2]]),
    }
    tables = Schema((item, IdTablesFeature("item_tables", "item", 100, 3)))
    unseen, other, seen = make_ranker(DCNv2(1, (8,)), tables)(batch).numpy()
    assert unseen == other != seen
    vectors = Schema((item, VectorFeature("vector", 2, 3)))
    unseen, other, seen = make_ranker(DCNv2(1, (8,)), vectors)(batch).numpy()
    assert len({unseen, other, seen}) == 3


def test_every_kind_computes_in_half_precision():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = make_ranker(DeepFM((8,)), RICH, embedding_dim=4, embedding_l2=0.01)
        fields = model.embeddings(rich_rows())
        logits = model(rich_rows())
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert fields.dtype == tf.bfloat16
    assert logits.dtype == tf.float32
    assert {weight.dtype for weight in model.weights} == {tf.float32}
    twin = make_ranker(DeepFM((8,)), RICH, embedding_dim=4)
    twin(rich_rows())
    twin.set_weights(model.get_weights())
    np.testing.assert_allclose(logits, twin(rich_rows()), atol=0.05)


@pytest.mark.parametrize("name", ["dcn_v2", "deepfm"])
def test_a_ranker_of_half_precision_loads_where_keras_has_another(name, tmp_path):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = small(name, embeddings_initializer="random_normal")
        model.build()
        logits = model(rows())
    finally:
        keras.mixed_precision.set_global_policy("float32")
    for file in ("ranker.keras", "saved_model"):
        model.save(tmp_path / file)
        loaded = keras.models.load_model(tmp_path / file)
        np.testing.assert_array_equal(loaded(rows()), logits)
        assert keras.mixed_precision.global_policy().name == "float32"


def test_the_linear_term_is_exact_in_half_precision():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = make_ranker(DeepFM((8,)), RICH, embedding_dim=4)
        batch = rich_rows()
        model(batch)
        for weight in model.linear.weights:
            weight.assign(np.random.default_rng(1).normal(size=weight.shape))
        linear = tf.reduce_sum(model.linear(batch), [1, 2])
        logits = model(batch) - model.interaction(model.embeddings(batch))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    users = model.linear.fields.embeddings.numpy()[:, 0]
    bag = model.linear.bags[0].embeddings.numpy()[:, 0]
    price = model.linear.numeric.kernel.numpy().item()
    expected = price * (batch["price"] - 2) / 0.5 + users[batch["user"]]
    for row, tags in enumerate(batch["tags"]):
        kept = [bag[1 + tag] for tag in tags if tag >= 0] or [bag[0]]
        expected[row] += np.mean(kept)
    np.testing.assert_allclose(linear, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_a_ranker_of_every_kind_trains_saves_and_loads(tmp_path):
    model = make_ranker(DeepFM((8,)), RICH, embedding_dim=4, embedding_l2=0.01)
    model.compile(optimizer=LazyAdam(0.05))
    rows = tf.data.Dataset.from_tensor_slices(rich_rows(64)).batch(16)
    losses = model.fit(rows, epochs=15, verbose=0).history["logloss"]
    assert losses[-1] < 0.3 < losses[0]
    logits = model(rich_rows())
    for file in ("ranker.keras", "saved_model"):
        model.save(tmp_path / file)
        loaded = keras.models.load_model(tmp_path / file)
        np.testing.assert_allclose(loaded(rich_rows()), logits, atol=1e-6)
    assert Ranker.from_config(model.get_config()).schema == RICH
