"""Quantizers against twins: NumPy's formulas, and sonnet's moving averages."""

import numpy as np
import pytest
import sonnet
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from moc_tf.indexing import ParallelQuantizer, ResidualQuantizer
from moc_tf.indexing.estimators import rotation

BETA = 0.25
FEW = settings(deadline=None, max_examples=40)


def quantizer(cls, codebooks, **options):
    codebooks = np.asarray(codebooks, np.float32)
    layer = cls(*codebooks.shape, **options)
    heads = 1 if cls is ResidualQuantizer else codebooks.shape[0]
    layer.build((None, heads, codebooks.shape[2]))
    layer.codebooks.assign(codebooks)
    return layer


def nearest(targets, codebook):
    """Lowest index of the least squared distance, and its vector, row by row."""
    codes = []
    for target in targets:
        distances = [float(((target - code) ** 2).sum()) for code in codebook]
        codes.append(distances.index(min(distances)))
    return np.array(codes, int), codebook[codes]


def parallel_twin(latents, codebooks):
    """Codes [B, N], targets and chosen vectors [B, N, D]."""
    found = [nearest(latents[:, n], book) for n, book in enumerate(codebooks)]
    codes = np.stack([codes for codes, _ in found], axis=1)
    return codes, latents, np.stack([chosen for _, chosen in found], axis=1)


def residual_twin(latents, codebooks):
    left, parts = latents[:, 0], []
    for book in codebooks:
        codes, chosen = nearest(left, book)
        parts.append((codes, left, chosen))
        left = left - chosen
    codes, targets, chosen = (
        np.stack(part, axis=1) for part in zip(*parts, strict=True)
    )
    return codes, targets, chosen


@st.composite
def cases(draw, heads=None):
    """Latents and codebooks of small integers: ties, zeros and repeats are many.

    Float32 adds these exactly, so a tie is one for both sides.
    """
    batch, number, size, dim = (draw(st.integers(1, most)) for most in (5, 3, 8, 4))
    grid = st.integers(-2, 2).map(np.float32)
    latents = draw(hnp.arrays(np.float32, (batch, heads or number, dim), elements=grid))
    codebooks = draw(hnp.arrays(np.float32, (number, size, dim), elements=grid))
    if draw(st.booleans()):
        latents[-1] = latents[0]
    if draw(st.booleans()):
        codebooks[:, -1] = codebooks[:, 0]
    if draw(st.booleans()):
        latents[0] = 0
    return latents, codebooks


def gradients(layer, latents, weights):
    """Of sum(weights * quantized) + codebook + beta commitment, and its parts."""
    latents = tf.constant(latents)
    with tf.GradientTape() as tape:
        tape.watch(latents)
        result = layer(latents)
        total = tf.reduce_sum(result.quantized * weights)
        total += result.losses["codebook"] + BETA * result.losses["commitment"]
    return result, *tape.gradient(total, [latents, layer.codebooks])


def assert_equals_twin(cls, latents, codebooks, twin):
    weights = np.linspace(-1, 2, latents.size).reshape(latents.shape)
    result, by_latents, by_codebooks = gradients(
        quantizer(cls, codebooks), latents, tf.constant(weights, tf.float32)
    )
    codes, targets, chosen = twin(
        latents.astype(np.float64), codebooks.astype(np.float64)
    )
    np.testing.assert_array_equal(result.codes, codes)
    total = chosen.sum(axis=1, keepdims=True) if cls is ResidualQuantizer else chosen
    np.testing.assert_allclose(result.quantized, total, atol=1e-5)
    for name in ("codebook", "commitment"):
        expected = np.mean((targets - chosen) ** 2)
        np.testing.assert_allclose(result.losses[name], expected, rtol=1e-5)
    pull = 2 * (targets - chosen) / targets.size
    to_latents = pull if latents.shape == pull.shape else pull.sum(1, keepdims=True)
    np.testing.assert_allclose(by_latents, weights + BETA * to_latents, atol=1e-5)
    to_codebooks = np.zeros(codebooks.shape)
    for row, column in np.ndindex(codes.shape):
        to_codebooks[column, codes[row, column]] -= pull[row, column]
    np.testing.assert_allclose(
        tf.convert_to_tensor(by_codebooks), to_codebooks, atol=1e-5
    )


@FEW
@given(cases())
def test_parallel_codebooks_equal_their_twin(case):
    assert_equals_twin(ParallelQuantizer, *case, parallel_twin)


@FEW
@given(cases(heads=1))
def test_residual_levels_equal_their_twin(case):
    assert_equals_twin(ResidualQuantizer, *case, residual_twin)


def test_two_residual_levels_by_hand():
    layer = quantizer(ResidualQuantizer, [[[4, 0], [0, 4]], [[1, 1], [0, -1]]])
    # (5, 1): distances 2, 34; left (1, 1), which is there. (0, 3): left (0, -1).
    result = layer(tf.constant([[[5.0, 1]], [[0.0, 3]]]))
    np.testing.assert_array_equal(result.codes, [[0, 0], [1, 1]])
    np.testing.assert_array_equal(result.quantized, [[[5, 1]], [[0, 3]]])
    # Left by the first level: 2 and 1, by the second 0 and 0; of 2 x 2 x 2 numbers.
    assert float(result.losses["commitment"]) == pytest.approx(3 / 8)


@FEW
@given(cases())
def test_cosine_is_l2_on_unit_vectors(case):
    latents, codebooks = case
    unit = [np.array(tf.math.l2_normalize(x, axis=-1)) for x in case]
    cosine = quantizer(ParallelQuantizer, codebooks, distance="cosine")
    l2 = quantizer(ParallelQuantizer, unit[1])
    mine, its = cosine(latents), l2(unit[0])
    np.testing.assert_array_equal(mine.codes, its.codes)
    np.testing.assert_allclose(mine.quantized, its.quantized, atol=1e-6)
    for name, loss in its.losses.items():
        np.testing.assert_allclose(mine.losses[name], loss, atol=1e-6)
    np.testing.assert_array_equal(cosine.lookup(mine.codes), l2.lookup(its.codes))


def turn(z, q):
    """|q|/|z| times the rotation in the plane of z and q that takes z to q.

    Built from an orthonormal basis of the plane and the angle, not by reflections.
    """
    z, q = z.astype(np.float64), q.astype(np.float64)
    u, target = z / np.linalg.norm(z), q / np.linalg.norm(q)
    cos = u @ target
    rest = target - cos * u
    sin = np.linalg.norm(rest)
    rotated = np.eye(len(z))
    if sin > 1e-9:
        v = rest / sin
        rotated += (cos - 1) * (np.outer(u, u) + np.outer(v, v))
        rotated += sin * (np.outer(v, u) - np.outer(u, v))
    return np.linalg.norm(q) / np.linalg.norm(z) * rotated


def rotation_gradient(z, q, upstream):
    z = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = rotation(z, tf.constant(q))
    return value.numpy(), tape.gradient(value, z, upstream).numpy()


@FEW
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_the_rotations_gradient_has_a_closed_form(seed, dim):
    random = np.random.default_rng(seed)
    z, q, upstream = random.normal(size=(3, 7, dim)).astype(np.float32)
    q[0] = 2 * z[0]  # no turn at all
    cosines = (z * q).sum(-1) / np.linalg.norm(z, axis=-1) / np.linalg.norm(q, axis=-1)
    usable = (cosines > -0.98) & (np.linalg.norm(z, axis=-1) > 0.1)
    value, gradient = rotation_gradient(z, q, upstream)
    np.testing.assert_allclose(value, q, atol=1e-5)
    for row in np.flatnonzero(usable):
        matrix = turn(z[row], q[row])
        np.testing.assert_allclose(matrix @ z[row], q[row], atol=1e-5)
        expected = matrix.T @ upstream[row]
        np.testing.assert_allclose(gradient[row], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("scale", [1.0, 3.0])
@pytest.mark.parametrize("which", ["zero z", "zero q", "both", "opposite"])
@pytest.mark.parametrize("dim", [1, 2, 33])
def test_without_a_rotation_gradients_pass_straight_through(which, scale, dim):
    random = np.random.default_rng(dim)
    z, q, upstream = random.normal(size=(3, 5, dim)).astype(np.float32)
    if which in ("zero z", "both"):
        z[:] = 0
    if which in ("zero q", "both"):
        q[:] = 0
    if which == "opposite":
        q = -scale * z
    value, gradient = rotation_gradient(z, q, upstream)
    np.testing.assert_allclose(value, q, atol=1e-6)
    np.testing.assert_array_equal(gradient, upstream)


def test_the_rotation_reaches_the_latents_of_both_quantizers():
    random = np.random.default_rng(3)
    z, upstream = random.normal(size=(2, 6, 1, 4)).astype(np.float32)
    codebooks = random.normal(size=(2, 5, 4)).astype(np.float32)
    for cls, books in (
        (ParallelQuantizer, codebooks[:1]),
        (ResidualQuantizer, codebooks),
    ):
        layer = quantizer(cls, books, estimator="rotation")
        latents = tf.constant(z)
        with tf.GradientTape() as tape:
            tape.watch(latents)
            quantized = layer(latents).quantized
        gradient = tape.gradient(quantized, latents, upstream).numpy()
        for row in range(len(z)):
            matrix = turn(z[row, 0], quantized[row, 0].numpy())
            np.testing.assert_allclose(
                gradient[row, 0], matrix.T @ upstream[row, 0], rtol=1e-3, atol=1e-3
            )


def moved_once(cls, latents, codebooks, counts, decay=0.9):
    layer = quantizer(cls, codebooks, codebook_update="ema", ema_decay=decay)
    layer.counts.assign(counts)
    layer(tf.constant(latents), training=True)
    return layer.codebooks.numpy(), layer.counts.numpy()


@FEW
@given(cases(), st.floats(0.05, 0.95), st.booleans())
def test_a_moving_average_has_a_closed_form(case, decay, residual):
    latents, codebooks = case
    cls, twin = ParallelQuantizer, parallel_twin
    if residual:
        latents = latents[:, :1]
        cls, twin = ResidualQuantizer, residual_twin
    random = np.random.default_rng(latents.size)
    before = random.uniform(0.5, 5, codebooks.shape[:2]).astype(np.float32)
    moved, counts = moved_once(cls, latents, codebooks, before, decay)
    codes, targets, _ = twin(latents.astype(np.float64), codebooks.astype(np.float64))
    for n, k in np.ndindex(before.shape):
        own = targets[codes[:, n] == k, n]
        # The quotient of two averages, of sums and of numbers.
        count = decay * before[n, k] + (1 - decay) * len(own)
        total = decay * before[n, k] * codebooks[n, k] + (1 - decay) * own.sum(axis=0)
        np.testing.assert_allclose(counts[n, k], count, rtol=1e-5)
        np.testing.assert_allclose(moved[n, k], total / count, atol=1e-5)


def test_moving_averages_equal_sonnets():
    random = np.random.default_rng(0)
    codebook = random.normal(size=(6, 4)).astype(np.float32)
    # Code 5 is far away, so that nothing chooses it.
    codebook[5] = 50
    counts = random.uniform(1, 5, 6).astype(np.float32)
    layer = quantizer(
        ParallelQuantizer, codebook[np.newaxis], codebook_update="ema", ema_decay=0.9
    )
    layer.counts.assign(counts[np.newaxis])
    theirs = sonnet.nets.VectorQuantizerEMA(4, 6, 1.0, decay=0.9, epsilon=1e-20)
    theirs.embeddings.assign(codebook.T)
    for average, start in (
        (theirs.ema_cluster_size, counts),
        (theirs.ema_dw, codebook.T * counts),
    ):
        average._hidden.assign(start)
        average.average.assign(start)
        # So late in the training that the correction for a start at zero is over.
        average._counter.assign(10_000)
    for _ in range(5):
        latents = random.normal(size=(9, 4)).astype(np.float32)
        mine = layer(latents[:, np.newaxis], training=True)
        its = theirs(tf.constant(latents), is_training=True)
        np.testing.assert_array_equal(mine.codes[:, 0], its["encoding_indices"])
        np.testing.assert_allclose(mine.losses["commitment"], its["loss"], rtol=1e-5)
        np.testing.assert_allclose(mine.quantized[:, 0], its["quantize"], atol=1e-5)
        np.testing.assert_allclose(
            layer.codebooks[0], tf.transpose(theirs.embeddings), rtol=1e-5, atol=1e-5
        )
        np.testing.assert_allclose(
            layer.counts[0], theirs.ema_cluster_size.value, rtol=1e-5
        )


def test_outside_training_nothing_moves():
    latents, codebooks = np.ones([4, 2, 3], np.float32), np.zeros([2, 5, 3])
    layer = quantizer(ParallelQuantizer, codebooks, codebook_update="ema")
    assert set(layer(latents).losses) == {"commitment"}
    np.testing.assert_array_equal(layer.codebooks, codebooks)
    np.testing.assert_array_equal(layer.counts, np.ones([2, 5]))
    layer(latents, training=True)
    assert layer.codebooks.numpy().any()
