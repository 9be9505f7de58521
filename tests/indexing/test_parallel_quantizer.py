import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial import ConvexHull

from moc_tf._keras import keras
from moc_tf.indexing import ParallelQuantizer, nearest_codes
from moc_tf.indexing.kmeans import kmeans


def quantizer_with(codebooks):
    """A layer whose weight [N, K, D] is `codebooks`."""
    codebooks = np.asarray(codebooks, np.float32)
    layer = ParallelQuantizer(*codebooks.shape)
    layer.build((None, codebooks.shape[0], codebooks.shape[2]))
    layer.codebooks.assign(codebooks)
    return layer


def random_case(batch=9, num_codebooks=3, size=5, dim=4, seed=0):
    """Latents [B, N, D] and codebooks [N, K, D]."""
    random = np.random.default_rng(seed)
    latents = random.normal(size=(batch, num_codebooks, dim)).astype(np.float32)
    codebooks = random.normal(size=(num_codebooks, size, dim)).astype(np.float32)
    return latents, codebooks


def twin(latents, codebooks):
    """Codes and their vectors, by all distances in float64."""
    latents, codebooks = latents.astype(np.float64), codebooks.astype(np.float64)
    differences = latents[:, :, np.newaxis] - codebooks
    codes = np.argmin(np.sum(differences**2, axis=-1), axis=-1)
    return codes, codebooks[np.arange(codebooks.shape[0]), codes]


def gradients(layer, latents, scalar):
    """d scalar(quantization) by latents and by codebooks, None where unconnected."""
    latents = tf.constant(latents)
    with tf.GradientTape() as tape:
        tape.watch(latents)
        value = scalar(layer(latents))
    by_latents, by_codebooks = tape.gradient(value, [latents, layer.codebooks])
    return (
        None if by_latents is None else by_latents.numpy(),
        None if by_codebooks is None else tf.convert_to_tensor(by_codebooks).numpy(),
    )


def test_a_pinned_codebook():
    layer = quantizer_with(
        [[[0, 0], [2, 0], [0, 4]], [[1, 1], [-1, -1], [5, 5]]]  # two of three codes
    )
    # Squared distances: 1 5 13 | 0 8 32, then 5 1 13 | 13 5 61.
    result = layer(tf.constant([[[0.0, 1], [1, 1]], [[2, 1], [-2, -1 - np.sqrt(3)]]]))
    assert result.codes.dtype == tf.int32
    np.testing.assert_array_equal(result.codes, [[0, 0], [1, 1]])
    np.testing.assert_allclose(
        result.quantized, [[[0, 0], [1, 1]], [[2, 0], [-1, -1]]], atol=1e-6
    )
    # Chosen distances 1, 0, 1 and 1 + 3, over 2 latents of 2 codebooks of 2 dims.
    assert set(result.losses) == {"codebook", "commitment"}
    assert float(result.losses["codebook"]) == pytest.approx(6 / 8)
    assert float(result.losses["commitment"]) == pytest.approx(6 / 8)


def test_a_tie_goes_to_the_lowest_index():
    layer = quantizer_with([[[3.0], [1.0], [-1.0], [1.0], [-1.0]]])
    codes = layer.encode(tf.constant([[[1.0]], [[-1.0]], [[0.0]], [[2.0]]]))
    np.testing.assert_array_equal(codes, [[1], [2], [1], [0]])


@pytest.mark.parametrize("size", [2, 17, 64, 257])
def test_the_lowest_of_equal_codes_wins_whatever_their_place(size):
    latents, codebooks = random_case(batch=33, size=1, dim=31)
    codes = nearest_codes(
        tf.constant(latents), tf.constant(np.repeat(codebooks, size, axis=1))
    )
    np.testing.assert_array_equal(codes, np.zeros([33, 3]))


@st.composite
def cases(draw):
    """Small integers, which float32 adds exactly; so ties are ties, and are many."""
    batch, num_codebooks, size, dim = (
        draw(st.integers(1, most)) for most in (6, 3, 8, 5)
    )
    grid = st.integers(-3, 3).map(np.float32)
    return (
        draw(hnp.arrays(np.float32, (batch, num_codebooks, dim), elements=grid)),
        draw(hnp.arrays(np.float32, (num_codebooks, size, dim), elements=grid)),
    )


@settings(deadline=None, max_examples=100)
@given(cases())
def test_it_equals_its_numpy_twin(case):
    latents, codebooks = case
    layer = quantizer_with(codebooks)
    result = layer(tf.constant(latents))
    codes, chosen = twin(latents, codebooks)
    np.testing.assert_array_equal(result.codes, codes)
    np.testing.assert_allclose(result.quantized, chosen, atol=1e-6)
    np.testing.assert_array_equal(layer.lookup(result.codes), chosen)
    for loss in result.losses.values():
        np.testing.assert_allclose(loss, np.mean((latents - chosen) ** 2), rtol=1e-6)


@settings(deadline=None, max_examples=50)
@given(cases())
def test_gradients_equal_their_numpy_twin(case):
    latents, codebooks = case
    beta, weights = 0.25, np.linspace(-1, 2, latents.size).reshape(latents.shape)

    def total(result):
        decoded = tf.reduce_sum(result.quantized * tf.constant(weights, tf.float32))
        return decoded + result.losses["codebook"] + beta * result.losses["commitment"]

    by_latents, by_codebooks = gradients(quantizer_with(codebooks), latents, total)
    codes, chosen = twin(latents, codebooks)
    pull = 2 * (latents - chosen) / latents.size
    expected = np.zeros(codebooks.shape)
    for row, column in np.ndindex(codes.shape):
        expected[column, codes[row, column]] -= pull[row, column]
    np.testing.assert_allclose(by_latents, weights + beta * pull, atol=1e-5)
    np.testing.assert_allclose(by_codebooks, expected, atol=1e-5)


def test_the_codebook_loss_reaches_exactly_the_chosen_codes():
    latents, codebooks = random_case(batch=4, size=7)
    layer = quantizer_with(codebooks)
    by_latents, by_codebooks = gradients(layer, latents, lambda r: r.losses["codebook"])
    chosen = np.zeros([3, 7], bool)
    for row in layer.encode(latents).numpy():
        chosen[np.arange(3), row] = True
    assert not chosen.all()
    np.testing.assert_array_equal(np.any(by_codebooks != 0, axis=-1), chosen)
    assert by_latents is None or not by_latents.any()


def test_the_commitment_loss_reaches_the_latents_alone():
    latents, codebooks = random_case()
    by_latents, by_codebooks = gradients(
        quantizer_with(codebooks), latents, lambda r: r.losses["commitment"]
    )
    assert by_latents.all()
    assert by_codebooks is None or not by_codebooks.any()


def test_the_decoders_gradient_passes_straight_through_to_the_latents():
    latents, codebooks = random_case()
    weights, _ = random_case(seed=1)
    by_latents, by_codebooks = gradients(
        quantizer_with(codebooks),
        latents,
        lambda r: tf.reduce_sum(r.quantized * weights),
    )
    np.testing.assert_array_equal(by_latents, weights)
    assert by_codebooks is None or not by_codebooks.any()


def test_permuting_the_codes_of_a_codebook_permutes_codes_and_nothing_else():
    latents, codebooks = random_case(batch=20)
    order = np.array([3, 0, 4, 1, 2])
    permuted = codebooks.copy()
    permuted[1] = codebooks[1, order]
    before = quantizer_with(codebooks)(latents)
    after = quantizer_with(permuted)(latents)
    codes = after.codes.numpy()
    codes[:, 1] = order[codes[:, 1]]
    np.testing.assert_array_equal(codes, before.codes)
    np.testing.assert_array_equal(after.quantized, before.quantized)
    for name, loss in before.losses.items():
        assert float(after.losses[name]) == float(loss)


def test_codebooks_do_not_see_each_others_latents():
    latents, codebooks = random_case()
    layer = quantizer_with(codebooks)
    moved = latents.copy()
    moved[:, 1] += 10.0
    codes, after = layer.encode(latents).numpy(), layer.encode(moved).numpy()
    np.testing.assert_array_equal(after[:, [0, 2]], codes[:, [0, 2]])
    assert (after[:, 1] != codes[:, 1]).any()


def test_the_codebooks_are_one_weight():
    layer = ParallelQuantizer(3, 5, 4)
    layer(tf.zeros([2, 3, 4]))
    assert [tuple(w.shape) for w in layer.weights] == [(3, 5, 4)]
    assert len(layer.trainable_weights) == 1


@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 4, 4), (2, 1, 4), (2, 12), (3, 4)])
@pytest.mark.parametrize("built", [False, True])
def test_latents_of_another_shape_raise(shape, built):
    layer = ParallelQuantizer(3, 5, 4)
    if built:
        layer(tf.zeros([2, 3, 4]))
    received = ", ".join(map(str, shape))
    with pytest.raises(ValueError, match=rf"\[batch, 3, 4\]. Received: \({received}\)"):
        layer(tf.zeros(shape))


@pytest.mark.parametrize("name", ["num_codebooks", "codebook_size", "codebook_dim"])
def test_sizes_below_one_raise(name):
    sizes = {"num_codebooks": 3, "codebook_size": 5, "codebook_dim": 4, name: 0}
    with pytest.raises(ValueError, match=rf"{name} must be at least 1. Received: 0"):
        ParallelQuantizer(**sizes)


def test_it_comes_back_from_its_configuration():
    layer = ParallelQuantizer(
        3,
        5,
        4,
        codebook_initializer=keras.initializers.RandomNormal(seed=7),
        name="codes",
    )
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert isinstance(copy, ParallelQuantizer)
    assert copy.get_config() == layer.get_config()
    latents, _ = random_case()
    for mine, its in zip(layer(latents), copy(latents), strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, mine, its)


def test_the_first_step_of_adam_leaves_no_code_outside_the_data():
    random = np.random.default_rng(0)
    latents = random.normal(size=(200, 2, 2)).astype(np.float32)
    layer = quantizer_with([kmeans(latents[:, n], 32, seed=n) for n in range(2)])
    start = layer.codebooks.numpy()
    with tf.GradientTape() as tape:
        loss = layer(latents).losses["codebook"]
    optimizer = keras.optimizers.Adam(1e-3, jit_compile=False)
    optimizer.minimize(loss, [layer.codebooks], tape=tape)
    assert (layer.codebooks.numpy() != start).any()
    for points, codes in zip(
        latents.transpose(1, 0, 2), layer.codebooks.numpy(), strict=True
    ):
        radius = np.linalg.norm(points - points.mean(axis=0), axis=1).max()
        normals, offsets = np.split(ConvexHull(points).equations, [2], axis=1)
        assert (codes @ normals.T + offsets.T).max() < 0.01 * radius


def test_two_codebooks_are_searched_at_a_time():
    """In a graph: each product waits for the choice of two codebooks before."""
    random = np.random.default_rng(0)
    latents = random.normal(size=(20, 5, 3)).astype(np.float32)
    codebooks = random.normal(size=(5, 4, 3)).astype(np.float32)
    search = tf.function(nearest_codes).get_concrete_function(latents, codebooks)
    np.testing.assert_array_equal(
        search(tf.constant(latents), tf.constant(codebooks)),
        nearest_codes(tf.constant(latents), tf.constant(codebooks)),
    )
    operations = search.graph.get_operations()
    choices = [op for op in operations if op.type == "ArgMax"]
    assert len(choices) == 5

    def before(op):
        """Everything that `op` waits for."""
        found, left = set(), [op]
        while left:
            one = left.pop()
            for other in (*one.control_inputs, *(value.op for value in one.inputs)):
                if other not in found:
                    found.add(other)
                    left.append(other)
        return found

    waited_for = [
        {place for place, other in enumerate(choices) if other in before(choice)}
        for choice in choices
    ]
    assert waited_for == [set(), set(), {0}, {0, 1}, {0, 1, 2}]
