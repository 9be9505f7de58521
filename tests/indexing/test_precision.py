"""Encoder and decoder in bfloat16: what changes, and what must not."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from moc_tf.indexing import AutoencoderConfig, CodeAutoencoder, load_indexer
from moc_tf.indexing.autoencoder_indexer import AutoencoderIndexer

CONFIG = AutoencoderConfig(
    num_codebooks=3, codebook_size=5, codebook_dim=4, hidden_units=(8, 7), seed=1
)
HALF = "mixed_bfloat16"


def twins(**options):
    """A model of float32 and one of bfloat16 layers, with the same weights."""
    whole, half = (
        CodeAutoencoder(dataclasses.replace(CONFIG, precision=p, **options), 6)
        for p in ("float32", HALF)
    )
    for mine, its in zip(whole.weights, half.weights, strict=True):
        its.assign(mine)
    return whole, half


@pytest.mark.parametrize("decoder", ["shared", "per_codebook"])
def test_only_the_layers_compute_in_bfloat16(decoder):
    whole, half = twins(decoder=decoder)
    vectors = np.random.default_rng(0).normal(size=(10, 6)).astype(np.float32)
    for model, dtype in ((whole, tf.float32), (half, tf.bfloat16)):
        inner = model._encoder + model._decoder
        assert {layer.compute_dtype for layer in inner} == {dtype.name}
        assert {weight.dtype for weight in model.weights} == {tf.float32}
        codes, reconstruction, terms = model.forward(model.normalise(vectors))
        assert codes.dtype == tf.int32
        assert model.latents(vectors).dtype == reconstruction.dtype == tf.float32
        assert {term.dtype for term in terms.values()} == {tf.float32}
    # Eight bits of mantissa, in a few layers.
    differences = np.abs(whole.latents(vectors) - half.latents(vectors))
    assert 0 < differences.max() < 0.05 * np.abs(whole.latents(vectors)).max()
    np.testing.assert_allclose(whole(vectors), half(vectors), atol=0.05)


def test_latents_are_no_multiples_of_what_bfloat16_can_tell_apart():
    _, half = twins()
    latents = half.latents(np.random.default_rng(0).normal(size=(50, 6)))
    rounded = tf.cast(tf.cast(latents, tf.bfloat16), tf.float32)
    assert (rounded.numpy() != latents.numpy()).mean() > 0.9


def test_biases_learn_from_every_row_of_a_large_batch():
    # In bfloat16, a running sum of ones stays at 256.
    gradients = []
    for model in twins():
        biases = [layer.bias for layer in model._decoder]
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model.reconstruct(tf.ones([4096, 1, 4])))
        gradients.append(np.concatenate(tape.gradient(loss, biases)))
    whole, half = gradients
    assert np.abs(whole).max() > 1000
    np.testing.assert_allclose(half, whole, atol=0.02 * np.abs(whole).max())


@pytest.fixture(scope="module")
def half_trained(fit, vectors):
    return fit(vectors, precision=HALF)


def test_training_learns_as_much(half_trained, fitted, vectors):
    error = half_trained.indexer.quality(vectors).relative_error
    assert error == pytest.approx(
        fitted.indexer.quality(vectors).relative_error, abs=0.05
    )
    assert half_trained.logs[0] != fitted.logs[0]


def with_precision(indexer, precision):
    """The same weights, encoding in `precision`."""
    other = AutoencoderIndexer(
        "moc",
        **{
            **dataclasses.asdict(indexer.config),
            "precision": "float32",
            "encoding_precision": precision,
        },
    )
    other._set_arrays(indexer._arrays(), indexer.input_dim)
    return other


def test_what_was_trained_in_bfloat16_encodes_in_float32(half_trained, vectors):
    codes = half_trained.indexer.encode(vectors)
    whole = with_precision(half_trained.indexer, "float32")
    np.testing.assert_array_equal(whole.encode(vectors), codes)
    np.testing.assert_array_equal(
        whole.decode(codes), half_trained.indexer.decode(codes)
    )


def test_encoding_in_bfloat16_changes_few_codes_and_is_kept(fitted, vectors, tmp_path):
    half = with_precision(fitted.indexer, HALF)
    codes, other = fitted.indexer.encode(vectors), half.encode(vectors)
    assert (codes != other).mean() < 0.05
    decoded = half.decode(codes)
    assert (decoded != fitted.indexer.decode(codes)).any()
    half.save(tmp_path / "half")
    again = load_indexer(tmp_path / "half")
    np.testing.assert_array_equal(again.encode(vectors), other)
    np.testing.assert_array_equal(again.decode(codes), decoded)
