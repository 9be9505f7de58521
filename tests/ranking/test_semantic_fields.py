"""The code fields in rankers, of this package and of others."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs

from moc_tf._keras import keras
from moc_tf.data.schema import CategoricalFeature, CodeFeature, Schema
from moc_tf.ranking import (
    DCNv2,
    LazyAdam,
    Ranker,
    SelfGatingFusion,
    SemanticIdEmbedding,
    make_ranker,
)

SCHEMA = Schema((CategoricalFeature("user", 20), CodeFeature("codes", 3, 4)))


def rows(n=256, seed=0):
    """Examples whose label is a function of one code."""
    random = np.random.default_rng(seed)
    codes = random.integers(-1, 4, (n, 3)).astype(np.int32)
    return {
        "user": random.integers(0, 20, n).astype(np.int32),
        "codes": codes,
        "label": (codes[:, 1] > 1).astype(np.float32),
    }


def auc_of(scores, labels):
    """Share of the pairs of a positive and a negative that are in order."""
    pairs = scores[labels == 1][:, np.newaxis] - scores[labels == 0]
    return np.mean((pairs > 0) + 0.5 * (pairs == 0))


def test_the_layers_work_in_a_functional_keras_model(tmp_path):
    user = keras.Input(shape=(), dtype="int32", name="user")
    codes = keras.Input(shape=(3,), dtype="int32", name="codes")
    fields = SelfGatingFusion()(SemanticIdEmbedding(3, 4, embedding_dim=8)(codes))
    joined = keras.layers.Concatenate()(
        [keras.layers.Embedding(20, 8)(user), keras.layers.Flatten()(fields)]
    )
    hidden = keras.layers.Dense(16, activation="relu")(joined)
    score = keras.layers.Dense(1, activation="sigmoid")(hidden)
    model = keras.Model([user, codes], score)
    model.compile(LazyAdam(0.02), "binary_crossentropy")
    inputs, labels = rows(), rows()["label"]
    features = {"user": inputs["user"], "codes": inputs["codes"]}
    model.fit(features, labels, batch_size=64, epochs=12, verbose=0)
    assert auc_of(model.predict(features, verbose=0)[:, 0], labels) > 0.97
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(features), model(features))


class FieldsByName(keras.layers.Layer):
    """What TFRS' model asks of its embedding layer: a dictionary of embeddings."""

    def __init__(self, codes, **kwargs):
        super().__init__(**kwargs)
        self.user = keras.layers.Embedding(20, 8)
        self.codes = codes

    def call(self, features):
        fields = tf.unstack(self.codes(features["codes"]), axis=1)
        named = {f"code_{n}": field for n, field in enumerate(fields)}
        return {"user": self.user(features["user"]), **named}


def test_the_layers_work_in_the_ranking_model_of_tfrs():
    fields = keras.Sequential([SemanticIdEmbedding(3, 4, 8), SelfGatingFusion()])
    model = tfrs.experimental.models.Ranking(
        embedding_layer=FieldsByName(fields),
        bottom_stack=keras.layers.Dense(8),
        feature_interaction=tfrs.layers.feature_interaction.DotInteraction(),
        top_stack=tfrs.layers.blocks.MLP([16, 1], final_activation="sigmoid"),
    )
    model.compile(optimizer=LazyAdam(0.02))
    inputs = rows()
    sparse = {"user": inputs["user"], "codes": inputs["codes"]}
    features = {"dense_features": np.ones((256, 1)), "sparse_features": sparse}
    data = tf.data.Dataset.from_tensor_slices((features, inputs["label"])).batch(64)
    model.fit(data, epochs=12, verbose=0)
    assert auc_of(model.predict(data, verbose=0), inputs["label"]) > 0.97
    # The code tables, and W_down and W_up of the fusion.
    brought = {id(weight) for weight in fields.trainable_weights}
    assert brought <= {id(w) for w in model.embedding_trainable_variables}
    assert len(brought) == 3


def small(interaction="dcn_v2", **options):
    if interaction == "dcn_v2":
        interaction = DCNv2(num_cross_layers=1, hidden_units=(8,))
    return make_ranker(interaction, SCHEMA, embedding_dim=4, **options)


BIGRAMS = {"scheme": "ngram", "ngram_size": 2, "num_buckets": 10}


@pytest.mark.parametrize(
    ("code_embedding", "code_rows"),
    [
        ("tables", 3 * 5),
        ("ngram", 5 + 2 * 17),
        ("prefix", 5 + 17 + 65),
        (BIGRAMS, 5 + 2 * 11),
    ],
)
def test_a_ranker_takes_its_code_tables_by_name(code_embedding, code_rows):
    # DeepFM has the tables twice: of embeddings, and of linear weights.
    model = small("deepfm", code_embedding=code_embedding)
    model.build()
    embeddings, linear = model.embeddings.codes, model.linear.codes
    assert embeddings.count_params() == code_rows * 4
    assert linear.count_params() == code_rows
    assert model.embeddings(rows()).shape == (256, 1 + 3, 4)
    twin = Ranker.from_config(model.get_config())
    assert twin.get_config() == model.get_config()
    twin.build()
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin(rows()), model(rows()))


def test_the_fusion_applies_to_ngrams():
    model = small(code_embedding="prefix", embeddings_initializer="uniform")
    outputs = model.embeddings(rows()).numpy()
    fields = model.embeddings.codes(rows()["codes"])
    np.testing.assert_array_equal(outputs[:, 1:], model.embeddings.fusion(fields))


def test_a_ranker_on_ngrams_trains_saves_and_loads(tmp_path):
    model = small(code_embedding=BIGRAMS)
    model.compile(optimizer=LazyAdam(0.02))
    data = tf.data.Dataset.from_tensor_slices(rows()).batch(64)
    model.fit(data, epochs=12, verbose=0)
    assert auc_of(model.predict(data, verbose=0), rows()["label"]) > 0.97
    model.save(tmp_path / "ranker.keras")
    loaded = keras.models.load_model(tmp_path / "ranker.keras")
    np.testing.assert_array_equal(loaded(rows()), model(rows()))


def test_an_unknown_code_embedding_raises():
    with pytest.raises(ValueError, match=r"code_embedding must be.*'suffix'"):
        small(code_embedding="suffix")
