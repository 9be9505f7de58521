import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import (
    ConcatMLPFusion,
    CrossAttentionFusion,
    ResidualFusion,
    SelfGatingFusion,
    fusion,
)

# Parameters of each, by N, d and the default width of the bottleneck or heads.
PARAMETERS = {
    "none": lambda n, d: 0,
    "self_gating": lambda n, d: 2 * n * d * max(1, n * d // 4),
    "self_gating_linear": lambda n, d: 2 * n * d * max(1, n * d // 4),
    "residual": lambda n, d: 2 * n * d * max(1, n * d // 4),
    "concat_mlp": lambda n, d: 2 * n * d * max(1, n * d // 4),
    "cross_attention": lambda n, d: 4 * d * d,
}
every_fusion = pytest.mark.parametrize("name", PARAMETERS)
with_and_without_phi = pytest.mark.parametrize(
    ("activation", "phi"), [("relu", lambda x: np.maximum(x, 0)), (None, lambda x: x)]
)


def embeddings(batch=5, num_codebooks=3, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, num_codebooks, dim)).astype(np.float32)


@with_and_without_phi
def test_self_gating_is_equation_8(activation, phi):
    inputs = embeddings()
    layer = SelfGatingFusion(hidden_units=2, activation=activation)
    outputs = layer(inputs).numpy()
    down, up = (weight.numpy() for weight in layer.weights)
    e = inputs.reshape(5, 12)
    gate = 1 / (1 + np.exp(-(phi(e @ down) @ up)))
    np.testing.assert_allclose(outputs, (gate * e).reshape(5, 3, 4), atol=1e-6)


@with_and_without_phi
@pytest.mark.parametrize(("cls", "kept"), [(ResidualFusion, 1), (ConcatMLPFusion, 0)])
def test_ablations_add_to_the_embeddings_or_replace_them(cls, kept, activation, phi):
    inputs = embeddings()
    layer = cls(hidden_units=2, activation=activation)
    outputs = layer(inputs).numpy()
    down, up = (weight.numpy() for weight in layer.weights)
    e = inputs.reshape(5, 12)
    expected = kept * e + phi(e @ down) @ up
    np.testing.assert_allclose(outputs, expected.reshape(5, 3, 4), atol=1e-5)


@pytest.mark.parametrize(("heads", "key_dim"), [(1, None), (2, None), (3, 5)])
def test_cross_attention_is_its_formula(heads, key_dim):
    inputs = 2 * embeddings()
    layer = CrossAttentionFusion(heads, key_dim)
    outputs = layer(inputs).numpy()
    query, key, value, out = (weight.numpy() for weight in layer.weights)
    expected = inputs.astype(np.float64)
    for h in range(heads):
        q, k, v = (inputs @ kernel[:, h] for kernel in (query, key, value))
        scores = np.exp(q @ k.transpose(0, 2, 1) / np.sqrt(key_dim or 4 // heads))
        attention = scores / scores.sum(axis=-1, keepdims=True)
        expected = expected + attention @ v @ out[h]
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    assert layer.count_params() == 4 * heads * (key_dim or 4 // heads) * 4


def test_cross_attention_knows_no_positions():
    inputs, order = embeddings(), [2, 0, 1]
    layer = CrossAttentionFusion()
    np.testing.assert_allclose(
        layer(inputs[:, order]), layer(inputs).numpy()[:, order], atol=1e-6
    )


def test_the_linear_gate_is_the_equation_to_the_letter():
    by_name = fusion.get("self_gating_linear")
    assert isinstance(by_name, SelfGatingFusion)
    assert by_name.activation is keras.activations.linear
    assert fusion.get("self_gating").activation is keras.activations.relu


@every_fusion
def test_all_but_none_see_the_other_codes(name):
    keras.utils.set_random_seed(0)
    layer = fusion.get(name)
    one, other = embeddings(), embeddings()
    other[:, 2] += 1.0
    changed = np.abs(layer(one) - layer(other)) > 1e-6
    assert changed[:, 2].any()
    assert changed[:, 0].any() == (name != "none")


@every_fusion
def test_a_batch_of_one_and_a_single_code_are_no_special_case(name):
    layer = fusion.get(name)
    inputs = embeddings()
    np.testing.assert_allclose(layer(inputs)[:1], layer(inputs[:1]), atol=1e-6)
    single = fusion.get(name)
    assert single(embeddings(5, 1, 4)).shape == (5, 1, 4)
    assert single.count_params() == PARAMETERS[name](1, 4)


@every_fusion
def test_parameters_have_a_closed_form(name):
    for num_fields, dim in ((7, 16), (1, 2)):
        layer = fusion.get(name)
        layer(embeddings(2, num_fields, dim))
        assert layer.count_params() == PARAMETERS[name](num_fields, dim)


def test_a_bottleneck_is_as_wide_as_told():
    for cls in (SelfGatingFusion, ResidualFusion, ConcatMLPFusion):
        layer = cls(5)
        layer(embeddings())
        assert layer.count_params() == 2 * 12 * 5


@every_fusion
def test_gradients_reach_embeddings_and_every_weight(name):
    keras.utils.set_random_seed(0)
    layer, inputs = fusion.get(name), tf.constant(embeddings(64))
    layer(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(tf.square(layer(inputs)))
    for gradient in tape.gradient(loss, [inputs, *layer.trainable_weights]):
        assert np.abs(gradient).max() > 1e-3


@every_fusion
def test_mixed_precision_computes_in_half_and_keeps_the_weights(name):
    policy = {"class_name": "Policy", "config": {"name": "mixed_bfloat16"}}
    full, inputs = fusion.get(name), embeddings()
    config = keras.layers.serialize(full)
    config["config"]["dtype"] = policy
    half = fusion.get(config)
    expected = full(inputs).numpy()
    assert half(inputs).dtype == tf.bfloat16
    half.set_weights(full.get_weights())
    assert {weight.dtype for weight in half.weights} <= {tf.float32}
    np.testing.assert_allclose(
        tf.cast(half(inputs), tf.float32), expected, atol=0.02 * np.abs(expected).max()
    )


@every_fusion
def test_a_model_with_it_saves_and_loads(name, tmp_path):
    inputs = keras.Input(shape=(3, 4))
    model = keras.Model(inputs, fusion.get(name)(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(embeddings()), model(embeddings()))


@pytest.mark.parametrize("cls", [SelfGatingFusion, CrossAttentionFusion])
def test_inputs_that_are_not_embeddings_raise(cls):
    with pytest.raises(ValueError, match=r"\[batch, F, d\].*\(2, 12\)"):
        cls()(tf.zeros([2, 12]))
    with pytest.raises(ValueError, match=r"d known.*\(None, None, 4\)"):
        cls()(keras.Input(shape=(None, 4)))


def test_sizes_below_one_raise():
    with pytest.raises(
        ValueError, match=r"hidden_units of ResidualFusion.*1, or None\. Received: 0"
    ):
        ResidualFusion(hidden_units=0)
    with pytest.raises(
        ValueError, match=r"num_heads of CrossAttentionFusion.*Received: 0"
    ):
        CrossAttentionFusion(0)
    with pytest.raises(
        ValueError, match=r"key_dim of CrossAttentionFusion.*1, or None\. Received: 0"
    ):
        CrossAttentionFusion(2, 0)


@pytest.mark.parametrize(
    "layer",
    [
        SelfGatingFusion(3, "relu", name="fusion"),
        SelfGatingFusion(None, None),
        ResidualFusion(3, "tanh"),
        ConcatMLPFusion(4, None),
        CrossAttentionFusion(2, 3),
    ],
)
def test_it_comes_back_from_its_configuration(layer):
    twin = fusion.get(keras.layers.serialize(layer))
    assert type(twin) is type(layer)
    assert twin.get_config() == layer.get_config()


def test_fusions_are_chosen_by_name_or_object():
    layer = keras.layers.Dense(4)
    assert fusion.get(layer) is layer
    assert isinstance(fusion.get("self_gating"), SelfGatingFusion)
    for nothing in (None, "none"):
        inputs = embeddings()
        np.testing.assert_array_equal(fusion.get(nothing)(inputs), inputs)


@pytest.mark.parametrize("identifier", ["gated", 3, SelfGatingFusion])
def test_an_unknown_fusion_raises_with_the_known_ones(identifier):
    message = (
        r"fusion must be a Keras layer or one of \['concat_mlp', 'cross_attention', "
        r"'none', 'residual', 'self_gating', 'self_gating_linear'\]"
    )
    with pytest.raises(ValueError, match=message):
        fusion.get(identifier)
