import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.indexing import AutoencoderConfig, CodeAutoencoder
from moc_tf.indexing.diversity import cross_correlation

DIM = 6
CONFIG = AutoencoderConfig(
    num_codebooks=3, codebook_size=5, codebook_dim=4, hidden_units=(8, 7), seed=1
)


def autoencoder(**changes):
    """A model whose codes, centre and scale are those of no special case."""
    model = CodeAutoencoder(dataclasses.replace(CONFIG, **changes), DIM)
    random = np.random.default_rng(0)
    model.quantizer.codebooks.assign(
        random.normal(size=model.quantizer.codebooks.shape)
    )
    model.center.assign(random.normal(size=DIM))
    model.scale.assign(2.5)
    return model


def random_vectors(rows=10):
    return np.random.default_rng(5).normal(size=(rows, DIM)).astype(np.float32)


class Twin:
    """The model's forward pass in NumPy, with the model's own weights."""

    def __init__(self, model, vectors):
        weights = {w.name.removesuffix(":0"): w.numpy() for w in model.state}
        config = model.config

        def dense(name, inputs):
            return inputs @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]

        def mlp(name, hidden):
            for layer in range(len(config.hidden_units)):
                hidden = np.maximum(dense(f"{name}_{layer}", hidden), 0)
            return hidden

        self.normalised = (vectors - weights["center"]) / weights["scale"]
        heads = dense("heads", mlp("encoder", self.normalised))
        heads = heads.reshape(len(vectors), -1, config.codebook_dim)
        self.latents = np.broadcast_to(
            heads, (len(vectors), config.num_codebooks, config.codebook_dim)
        )
        codebooks = weights["quantizer/codebooks"]
        distances = ((self.latents[:, :, np.newaxis] - codebooks) ** 2).sum(axis=-1)
        self.codes = distances.argmin(axis=-1)
        self.quantized = codebooks[np.arange(config.num_codebooks), self.codes]
        self.decoded = dense("reconstruction", mlp("decoder", self.quantized.mean(1)))
        self.restored = self.decoded * weights["scale"] + weights["center"]
        self.reconstruction = np.mean((self.normalised - self.decoded) ** 2)
        self.distance = np.mean((self.latents - self.quantized) ** 2)


@pytest.mark.parametrize("latent", ["projected", "shared"])
@pytest.mark.parametrize("commitment_cost", [0.25, 2.0])
def test_the_loss_equals_its_numpy_twin(latent, commitment_cost):
    model = autoencoder(latent=latent, commitment_cost=commitment_cost)
    vectors = random_vectors()
    twin = Twin(model, vectors)
    _, _, terms = model.forward(model.normalise(vectors))
    assert set(terms) == {"reconstruction", "codebook", "commitment"}
    np.testing.assert_allclose(terms["reconstruction"], twin.reconstruction, rtol=1e-5)
    np.testing.assert_allclose(terms["codebook"], twin.distance, rtol=1e-5)
    np.testing.assert_allclose(terms["commitment"], twin.distance, rtol=1e-5)
    expected = twin.reconstruction + (1 + commitment_cost) * twin.distance
    np.testing.assert_allclose(model.total_loss(terms), expected, rtol=1e-5)


@pytest.mark.parametrize("latent", ["projected", "shared"])
@pytest.mark.parametrize("hidden_units", [(8, 7), ()])
def test_codes_and_vectors_equal_their_numpy_twin(latent, hidden_units):
    model = autoencoder(latent=latent, hidden_units=hidden_units)
    vectors = random_vectors()
    twin = Twin(model, vectors)
    codes = model.encode(vectors)
    np.testing.assert_array_equal(codes, twin.codes)
    np.testing.assert_allclose(model.decode(codes), twin.restored, atol=1e-5)
    np.testing.assert_allclose(model(vectors), twin.restored, atol=1e-5)


def test_the_diversity_term_is_weighed_in():
    model = autoencoder(diversity_weight=0.5)
    normalised = model.normalise(random_vectors())
    _, _, terms = model.forward(normalised)
    diversity = float(cross_correlation(model.latents(normalised)))
    assert diversity > 0.01
    assert float(terms["diversity"]) == pytest.approx(diversity)
    plain = {name: terms[name] for name in ("reconstruction", "codebook", "commitment")}
    without = float(autoencoder().total_loss(plain))
    assert float(model.total_loss(terms)) == pytest.approx(without + 0.5 * diversity)


def test_a_shared_latent_is_the_same_for_all_codebooks():
    latents = autoencoder(latent="shared").latents(random_vectors()).numpy()
    np.testing.assert_array_equal(latents, np.repeat(latents[:, :1], 3, axis=1))


def test_projected_latents_differ():
    latents = autoencoder(latent="projected").latents(random_vectors()).numpy()
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        assert np.abs(latents[:, one] - latents[:, other]).min(axis=-1).max() > 0.01


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_normalised_vectors_are_centred_scaled_and_single(dtype):
    model = autoencoder()
    center, scale = model.center.numpy(), model.scale.numpy()
    vectors = random_vectors().astype(dtype)
    normalised = model.normalise(vectors)
    assert normalised.dtype == tf.float32
    expected = (vectors.astype(np.float32) - center) / scale
    np.testing.assert_allclose(normalised, expected, atol=1e-6)


def test_the_decoder_sees_the_mean_of_the_code_vectors_alone():
    model = autoencoder()
    quantized = np.random.default_rng(2).normal(size=(4, 3, 4)).astype(np.float32)
    mean = np.repeat(quantized.mean(axis=1, keepdims=True), 3, axis=1)
    np.testing.assert_allclose(
        model.reconstruct(quantized), model.reconstruct(mean), atol=1e-6
    )


def test_usage_counts_as_bincount_does():
    model = autoencoder()
    random = np.random.default_rng(3)
    batches = [random.integers(5, size=(rows, 3)).astype(np.int32) for rows in (40, 1)]
    for codes in batches:
        model.count_usage(codes)
    columns = np.concatenate(batches).T
    expected = [np.bincount(column, minlength=5) for column in columns]
    np.testing.assert_array_equal(model.usage, expected)


@pytest.mark.parametrize(("latent", "heads"), [("projected", 3), ("shared", 1)])
def test_parameters_have_a_closed_form(latent, heads):
    model = autoencoder(latent=latent)
    encoder = (DIM * 8 + 8) + (8 * 7 + 7) + (7 * heads * 4 + heads * 4)
    decoder = (4 * 7 + 7) + (7 * 8 + 8) + (8 * DIM + DIM)
    trainable = sum(np.prod(w.shape) for w in model.trainable_weights)
    assert trainable == encoder + 3 * 5 * 4 + decoder


def test_a_step_descends_the_loss_and_reports_it():
    model = autoencoder(diversity_weight=0.1)
    vectors = random_vectors()
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    twin = Twin(model, vectors)
    before = [w.numpy() for w in model.trainable_weights]
    first = model.train_on_batch(vectors, return_dict=True)
    assert set(first) == {
        "loss",
        "reconstruction",
        "codebook",
        "commitment",
        "diversity",
    }
    assert first["reconstruction"] == pytest.approx(twin.reconstruction, rel=1e-5)
    assert first["codebook"] == pytest.approx(twin.distance, rel=1e-5)
    assert first["loss"] == pytest.approx(
        first["reconstruction"] + 1.25 * twin.distance + 0.1 * first["diversity"]
    )
    for weight, start in zip(model.trainable_weights, before, strict=True):
        assert (weight.numpy() != start).any(), weight.name
    counts = [np.bincount(column, minlength=5) for column in twin.codes.T]
    np.testing.assert_array_equal(model.usage, counts)
    for _ in range(20):
        last = model.train_on_batch(vectors, return_dict=True)
    assert last["loss"] < 0.9 * first["loss"]


def test_equal_seeds_give_equal_weights_and_others_do_not():
    first, same = (CodeAutoencoder(CONFIG, DIM) for _ in range(2))
    other = CodeAutoencoder(dataclasses.replace(CONFIG, seed=2), DIM)
    for a, b in zip(first.state, same.state, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(first.trainable_weights, other.trainable_weights, strict=True):
        assert "bias" in a.name or (a.numpy() != b.numpy()).any(), a.name


def test_layers_of_one_shape_start_apart():
    model = CodeAutoencoder(dataclasses.replace(CONFIG, hidden_units=(7, 7, 7)), DIM)
    kernels = [w.numpy() for w in model.trainable_weights if w.shape == (7, 7)]
    assert len({kernel.tobytes() for kernel in kernels}) == len(kernels) == 4


def test_its_state_is_all_that_codes_and_vectors_depend_on():
    model = autoencoder()
    copy = CodeAutoencoder(dataclasses.replace(CONFIG, seed=9), DIM)
    names = [weight.name for weight in model.state]
    assert len(set(names)) == len(names)
    for mine, its in zip(model.state, copy.state, strict=True):
        assert mine.name == its.name
        its.assign(mine)
    vectors = random_vectors()
    np.testing.assert_array_equal(copy.encode(vectors), model.encode(vectors))
    np.testing.assert_array_equal(copy(vectors), model(vectors))
