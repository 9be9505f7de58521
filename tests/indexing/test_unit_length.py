"""Distance "cosine": only the direction of a latent tells its code."""

import numpy as np
import pytest
import tensorflow as tf

from moc_tf.indexing import ParallelQuantizer

RANDOM = np.random.default_rng(0)
CODEBOOKS = RANDOM.normal(size=(2, 5, 4)).astype(np.float32)
LATENTS = RANDOM.normal(size=(40, 2, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def quantizer():
    layer = ParallelQuantizer(2, 5, 4, distance="cosine")
    layer.build((None, 2, 4))
    layer.codebooks.assign(CODEBOOKS)
    return layer


def gradient(layer, latents, weights):
    """Of what a decoder, which weights the code vectors, and the losses say."""
    latents = tf.constant(latents)
    with tf.GradientTape() as tape:
        tape.watch(latents)
        result = layer(latents)
        decoded = tf.reduce_sum(result.quantized * weights)
        total = decoded + result.losses["commitment"]
    return tape.gradient(total, latents).numpy()


@pytest.mark.parametrize("length", [0.0, 1e-30, 1e-9, 1e-6, 9e-4, 1e-3, 1.0, 1e3])
def test_no_gradient_grows_by_more_than_a_thousand(quantizer, length):
    directions = LATENTS / np.linalg.norm(LATENTS, axis=-1, keepdims=True)
    weights = RANDOM.normal(size=LATENTS.shape).astype(np.float32)
    found = gradient(quantizer, (length * directions).astype(np.float32), weights)
    # That of the commitment loss, a mean over 320 squares of less than 2, is small.
    bound = 1e3 * (np.linalg.norm(weights, axis=-1) + 0.05)
    assert (np.linalg.norm(found, axis=-1) <= bound).all()


def test_a_zero_latent_has_a_gradient_still(quantizer):
    weights = np.ones((1, 2, 4), np.float32)
    found = gradient(quantizer, np.zeros((1, 2, 4), np.float32), weights)
    assert (np.linalg.norm(found, axis=-1) > 500).all()


@pytest.mark.parametrize("length", [1e-5, 1e-3, 1.0, 1e6])
def test_codes_are_those_of_the_largest_cosine_at_any_length(quantizer, length):
    cosines = np.einsum("bnd,nkd->bnk", LATENTS.astype(np.float64), CODEBOOKS)
    cosines /= np.linalg.norm(CODEBOOKS.astype(np.float64), axis=-1)
    codes = quantizer.encode(tf.constant(length * LATENTS, tf.float32))
    np.testing.assert_array_equal(codes, cosines.argmax(axis=-1))


def test_ordinary_latents_are_of_unit_length_afterwards(quantizer):
    targets = quantizer.assign(tf.constant(0.01 * LATENTS)).targets
    np.testing.assert_allclose(np.linalg.norm(targets, axis=-1), 1, rtol=1e-6)
