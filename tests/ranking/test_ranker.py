"""What a ranker computes, and what it is made of."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs

from moc_tf._keras import keras
from moc_tf.data.schema import CategoricalFeature, CodeFeature, Schema
from moc_tf.ranking import Ranker, SelfGatingFusion, interactions, make_ranker
from moc_tf.ranking.field_attention import FieldAttention
from tests.ranking.small_rankers import NAMES, SCHEMA, rows, small


def test_the_schema_alone_builds_the_weights():
    model = small("deepfm")
    model.build()
    weights = model.get_weights()
    model(rows())
    assert len(model.weights) == len(weights)
    for built, used in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(built, used)


@pytest.mark.parametrize("name", interactions.names())
def test_the_order_of_names_does_not_tell_how_many_models_there_were(name):
    """Keras numbers layers on, and dense_10 is before dense_9 by name."""

    def order():
        model = make_ranker(name, SCHEMA, embedding_dim=4)
        model.build()
        names = [weight.name for weight in model.weights]
        return sorted(range(len(names)), key=names.__getitem__)

    keras.backend.reset_uids()
    first = order()
    keras.backend.reset_uids()
    for _ in range(9):  # the next of each is number 9, and then there is 10
        keras.layers.Dense(3), tfrs.layers.dcn.Cross(), FieldAttention(3, 1)
    assert order() == first


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


def test_any_layer_can_be_the_interaction():
    class SumOfAll(keras.layers.Layer):
        def call(self, embeddings):
            return tf.reduce_sum(embeddings, axis=[1, 2])

    model = make_ranker(SumOfAll(), SCHEMA, "none", embeddings_initializer="ones")
    assert model(rows()).numpy().tolist() == [5 * 16.0] * 10
    assert model.linear is None


@pytest.mark.parametrize("linear_term", [False, True])
def test_an_interaction_gives_one_logit_an_example(linear_term):
    class TwoDimensional(keras.layers.Layer):
        def call(self, embeddings):
            return tf.reduce_sum(embeddings, axis=[1])[:, :1]

    interaction = TwoDimensional(name="mine")
    interaction.linear_term = linear_term
    model = make_ranker(interaction, SCHEMA, "none")
    with pytest.raises(ValueError, match=r"\(1, 1\) of TwoDimensional 'mine'"):
        model(rows())


@pytest.mark.parametrize(
    "options",
    [
        {"code_embedding": {"scheme": "ngram", "num_buckets": 7}},
        {"embeddings_initializer": keras.initializers.RandomUniform(-1, 1, seed=2)},
    ],
)
def test_every_configuration_is_json(options):
    model = small("dcn_v2", **options)
    config = json.loads(json.dumps(model.get_config()))
    assert Ranker.from_config(config).get_config() == model.get_config()
