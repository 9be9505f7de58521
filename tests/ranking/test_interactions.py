import itertools

import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.data.schema import CategoricalFeature, Schema
from moc_tf.ranking import (
    DLRM,
    IPNN,
    AutoIntPlus,
    DCNv2,
    DeepFM,
    FmFM,
    XDeepFM,
    interactions,
    make_ranker,
)
from moc_tf.ranking.field_attention import FieldAttention
from moc_tf.ranking.field_pairs import factorization_machine
from tests.ranking.random_interactions import embeddings, with_random_weights

NAMES = ["autoint_plus", "dcn_v2", "deepfm", "dlrm", "fmfm", "ipnn", "xdeepfm"]
SMALL = {
    "autoint_plus": {"attention_dim": 6, "hidden_units": (5,)},
    "dcn_v2": {"num_cross_layers": 2, "hidden_units": (5,)},
    "deepfm": {"hidden_units": (5,)},
    "dlrm": {"hidden_units": (5,)},
    "fmfm": {},
    "ipnn": {"hidden_units": (5,)},
    "xdeepfm": {"cin_units": (3, 2), "hidden_units": (5,)},
}


def small(name):
    return interactions.get(name, **SMALL[name])


def mlp_parameters(*widths):
    return sum(a * b + b for a, b in itertools.pairwise(widths))


def parameters(layer, num_fields=11, dim=16):
    layer(tf.zeros([1, num_fields, dim]))
    return layer.count_params()


def test_every_ranker_has_a_name_and_options():
    assert interactions.names() == NAMES
    assert interactions.options("fmfm") == set()
    assert interactions.options("deepfm") == {"hidden_units"}
    assert interactions.options("xdeepfm") == {"cin_units", "hidden_units"}
    with_mlp = [n for n in NAMES if "hidden_units" in interactions.options(n)]
    assert with_mlp == [name for name in NAMES if name != "fmfm"]


def test_options_reach_the_layer():
    layer = interactions.get("dcn_v2", structure="stacked", name="mine")
    assert (layer.structure, layer.name) == ("stacked", "mine")


def test_parameters_have_a_closed_form():
    width, pairs, mlp = 11 * 16, 11 * 10 // 2, (256, 128, 64)
    crosses, deep = 3 * (width**2 + width), mlp_parameters(width, *mlp)
    to_logit = mlp_parameters(width, *mlp, 1)
    expected = {
        "autoint_plus": 2 * 3 * 16 * 16 + width + 1 + to_logit,
        "dcn_v2": crosses + deep + width + 64 + 1,
        "deepfm": 1 + to_logit,
        "dlrm": 16 + mlp_parameters(pairs + 11, *mlp, 1),
        "fmfm": pairs * 16 * 16 + 1,
        "ipnn": mlp_parameters(width + pairs, *mlp, 1),
        "xdeepfm": 64 * 11 * 11 + 64 * 64 * 11 + 128 + to_logit,
    }
    counted = {name: parameters(interactions.get(name)) for name in NAMES}
    assert counted == expected


def test_options_change_the_parameters_as_they_should():
    width, mlp = 11 * 16, (256, 128, 64)
    deep = mlp_parameters(width, *mlp, 1)
    stacked, low_rank = DCNv2(3, structure="stacked"), DCNv2(3, projection_dim=8)
    assert parameters(stacked) == 3 * (width**2 + width) + deep
    assert parameters(low_rank) == 3 * (2 * 8 * width + width) + deep + width
    assert parameters(AutoIntPlus(3, 12, 3)) == (
        4 * 16 * 12 + 2 * 3 * 12 * 12 + 11 * 12 + 1 + deep
    )
    assert parameters(DLRM(())) == mlp_parameters(55, *mlp, 1)
    assert parameters(DLRM((10,))) == mlp_parameters(16 + 55, *mlp, 1)
    assert parameters(DeepFM(())) == 1 + width + 1


@pytest.mark.parametrize(
    ("interaction", "published"),
    [
        (DeepFM((16, 8)), 6_319),
        (DCNv2(2, (16, 8)), 31_257),
        (AutoIntPlus(2, 8, 2, (16, 8)), 6_815),
    ],
)
def test_parameters_are_those_of_fuxictr_on_the_same_schema(interaction, published):
    rows = [30] + 13 * [35]
    assert sum(rows) == 485
    schema = Schema(
        tuple(CategoricalFeature(f"c{place}", n) for place, n in enumerate(rows))
    )
    model = make_ranker(interaction, schema, embedding_dim=8)
    model.build()
    assert model.count_params() == published


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_is_a_batch(name):
    e = embeddings()
    layer = with_random_weights(small(name), e)
    assert layer(e[:1]).shape == (1,)
    np.testing.assert_allclose(layer(e)[:1], layer(e[:1]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_the_embeddings_and_every_weight(name):
    e = tf.constant(embeddings(batch=32))
    layer = with_random_weights(small(name), e)
    with tf.GradientTape() as tape:
        tape.watch(e)
        loss = tf.reduce_sum(tf.square(layer(e)))
    gradients = tape.gradient(loss, [e, *layer.trainable_weights])
    assert len(gradients) == len(layer.weights) + 1
    for gradient in gradients:
        assert np.abs(gradient).max() > 1e-3
    assert np.abs(gradients[0]).max(axis=(0, 2)).min() > 1e-3  # every field


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_gives_nearly_the_logits_of_float32(name):
    e = embeddings(batch=64, dim=4)
    layer = with_random_weights(small(name), e)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        twin = small(name)
        twin(e)
        twin.set_weights(layer.get_weights())
        logits = twin(e)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert logits.dtype == tf.float32
    assert all(weight.dtype == tf.float32 for weight in twin.weights)
    exact = layer(e).numpy()
    error = np.abs(logits.numpy().astype(np.float32) - exact)
    assert error.max() < 0.03 * np.abs(exact).max()


@pytest.mark.parametrize("name", NAMES)
def test_logits_of_a_bfloat16_ranker_are_no_bfloat16s(name):
    size = 2_000
    schema = Schema((CategoricalFeature("user", size), CategoricalFeature("item", 50)))
    rng = np.random.default_rng(0)
    batch = {"user": np.arange(size), "item": rng.integers(0, 50, size)}
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = make_ranker(small(name), schema, embedding_dim=8)
        with_random_weights(model, {key: ids[:1] for key, ids in batch.items()})
        logits = model(batch).numpy()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    # Rounded to bfloat16 they would have about a thousand values at most.
    assert len(np.unique(logits)) > 1_800


@pytest.mark.parametrize("name", NAMES)
def test_the_fields_are_told_apart_by_their_order(name):
    e = embeddings()
    layer = with_random_weights(small(name), e)
    assert np.abs(layer(e) - layer(e[:, [1, 2, 0]])).max() > 0.1


def test_attention_moves_with_the_fields():
    e = embeddings(dim=4)
    layer = with_random_weights(FieldAttention(6, 2), e)
    order = [1, 2, 0]
    moved = layer(e).numpy()[:, order]
    np.testing.assert_allclose(layer(e[:, order]), moved, rtol=1e-5, atol=1e-6)


def test_fmfm_with_identity_matrices_is_a_factorization_machine():
    e = embeddings(num_fields=4)
    layer = FmFM()
    layer(e)
    layer.set_weights([np.tile(np.eye(2), (6, 1, 1)), 0.5])
    np.testing.assert_allclose(layer(e), factorization_machine(e) + 0.5, rtol=1e-5)


def test_a_matrix_of_fmfm_turns_with_its_pair():
    e = embeddings(num_fields=2)
    layer = with_random_weights(FmFM(), e)
    logits = layer(e).numpy()
    matrices, bias = layer.get_weights()
    layer.set_weights([matrices.transpose(0, 2, 1), bias])
    np.testing.assert_allclose(layer(e[:, ::-1]), logits, rtol=1e-4)


@pytest.mark.parametrize("layer", [FmFM(), DLRM(())])
def test_one_field_has_no_pairs(layer):
    with pytest.raises(
        ValueError, match=r"pairs of fields.*at least 2.*\(4, 1, 2\), 1 field\. Give"
    ):
        layer(embeddings(num_fields=1))


@pytest.mark.parametrize("name", NAMES)
def test_other_shapes_raise(name):
    with pytest.raises(ValueError, match=r"\[batch, F, d\].*Received: shape \(4, 6\)"):
        small(name)(embeddings().reshape(4, 6))


@pytest.mark.parametrize(
    "layer",
    [
        AutoIntPlus(1, 6, 3, (5,), name="a"),
        DCNv2(2, (5, 4), "stacked", 3, name="b"),
        DeepFM((5,), name="c"),
        DLRM((2,), (5,), name="d"),
        DLRM(None, (5,)),
        FmFM(name="e"),
        IPNN((5,), name="f"),
        XDeepFM((3, 2), (5,), name="g"),
    ],
)
def test_a_layer_comes_back_from_its_configuration(layer):
    twin = interactions.get(keras.layers.serialize(layer))
    assert type(twin) is type(layer)
    assert twin.get_config() == layer.get_config()
    twin(embeddings())
    layer(embeddings())
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(twin(embeddings()), layer(embeddings()))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dcn_v2", {"num_cross_layers": 0}, r"num_cross_layers of DCNv2.*least 1\."),
        ("dcn_v2", {"hidden_units": ()}, r"hidden_units.*at least 1 integers"),
        ("dcn_v2", {"structure": "both"}, r"'parallel' or 'stacked'.*'both'"),
        (
            "dcn_v2",
            {"projection_dim": 0},
            r"projection_dim of DCNv2.*, or None\. Rec.*0",
        ),
        ("deepfm", {"hidden_units": 16}, r"hidden_units of DeepFM.*Received: 16"),
        ("deepfm", {"hidden_units": "16"}, r"hidden_units of DeepFM.*Received: '16'"),
        ("ipnn", {"hidden_units": (8, 0)}, r"hidden_units of IPNN.*\(8, 0\)"),
        ("xdeepfm", {"hidden_units": (8.5,)}, r"hidden_units of XDeepFM.*\(8\.5,\)"),
        ("xdeepfm", {"cin_units": ()}, r"cin_units.*at least 1 integers.*\(\)"),
        ("autoint_plus", {"num_attention_layers": 0}, r"num_attention_layers of Auto"),
        ("autoint_plus", {"num_heads": 0}, r"num_heads of FieldAttention.*: 0"),
        ("autoint_plus", {"attention_dim": 7}, r"divide.*attention_dim=7, num_heads=2"),
        (
            "dlrm",
            {"joined_fields": (-1,)},
            r"joined_fields.*at least 0, or None\..*\(-1,\)",
        ),
    ],
)
def test_bad_options_die_in_the_constructor(name, options, message):
    with pytest.raises(ValueError, match=message):
        interactions.get(name, **options)


def test_nothing_that_is_given_gets_lost():
    with pytest.raises(
        ValueError, match=r"'fmfm' must be among \[\]. Received: \['hid"
    ):
        interactions.get("fmfm", hidden_units=(8,))
    with pytest.raises(ValueError, match=r"has its own. Received: \['hidden_units'\]"):
        interactions.get(FmFM(), hidden_units=(8,))


def test_an_unknown_interaction_raises_with_the_known_ones():
    known = r"\['autoint_plus', 'dcn_v2', .*'xdeepfm'\].*Received: 'dlrn'"
    with pytest.raises(ValueError, match=known):
        interactions.get("dlrn")
    with pytest.raises(ValueError, match=known):
        interactions.options("dlrn")
