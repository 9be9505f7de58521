import numpy as np
import pytest
import tensorflow as tf
from scipy.linalg import hadamard

from moc_tf.indexing.diversity import cross_correlation

# Columns of mean 0 and variance 1, of which no two are correlated.
ORTHOGONAL = hadamard(16)[:, 1:].astype(np.float32)


def penalty(latents):
    return float(cross_correlation(tf.constant(latents, tf.float32)))


def twin(latents):
    """Mean of corrcoef² over pairs of dimensions of different heads."""
    _, num_heads, dim = latents.shape
    correlation = np.corrcoef(latents.reshape(len(latents), -1), rowvar=False)
    head = np.repeat(np.arange(num_heads), dim)
    return np.mean(correlation[head[:, np.newaxis] != head] ** 2)


def test_uncorrelated_heads_cost_nothing():
    assert penalty(ORTHOGONAL[:, :6].reshape(16, 3, 2)) == pytest.approx(0, abs=1e-9)


def test_correlation_within_a_head_costs_nothing():
    first, second = ORTHOGONAL[:, [0, 0]], ORTHOGONAL[:, [1, 1]]
    assert penalty(np.stack([first, second], axis=1)) == pytest.approx(0, abs=1e-9)


def test_independent_heads_cost_what_chance_correlates():
    latents = np.random.default_rng(0).normal(size=(4_000, 3, 5))
    assert 0 < penalty(latents) < 3 / 4_000  # E[r²] = 1 / (rows - 1)


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_copies_cost_one_over_their_dimensions(dim):
    # Each of D² entries of a block is 1 where a dimension meets its own copy.
    head = ORTHOGONAL[:, :dim]
    assert penalty(np.stack([head, head], axis=1)) == pytest.approx(1 / dim, rel=1e-6)


def test_one_copy_among_three_heads():
    a, b = ORTHOGONAL[:, :1], ORTHOGONAL[:, 1:2]
    # Of the three pairs of heads, one is a pair of copies.
    assert penalty(np.stack([a, b, a], axis=1)) == pytest.approx(1 / 3, rel=1e-6)


def test_it_equals_its_numpy_twin():
    random = np.random.default_rng(1)
    latents = random.normal(size=(50, 3, 4)) @ random.normal(size=(4, 4))
    latents[:, 1] += 0.7 * latents[:, 0]
    assert penalty(latents) == pytest.approx(twin(latents), rel=1e-4)


def test_scale_sign_and_offset_of_a_dimension_do_not_matter():
    latents = np.random.default_rng(2).normal(size=(50, 2, 3))
    latents[:, 1] += latents[:, 0]
    changed = latents * [3.0, -0.5, 1.0] + [0.0, 2.0, -1.0]
    assert penalty(changed) == pytest.approx(penalty(latents), rel=1e-4)


def test_a_dimension_that_never_changes_costs_nothing():
    latents = np.stack([ORTHOGONAL[:, :2], ORTHOGONAL[:, :2]], axis=1)
    latents[:, 1, 0] = 5.0
    assert penalty(latents) == pytest.approx(1 / 4, rel=1e-6)  # one of two copies left


def test_its_gradient_decreases_it():
    head = np.random.default_rng(3).normal(size=(64, 1, 2))
    noise = np.random.default_rng(4).normal(size=(64, 3, 2))
    latents = tf.Variable(head + 0.3 * noise, dtype=tf.float32)
    costs = []
    for _ in range(10):
        with tf.GradientTape() as tape:
            cost = cross_correlation(latents)
        latents.assign_sub(50.0 * tape.gradient(cost, latents))
        costs.append(float(cost))
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 0.5 * costs[0]
