"""What each choice by name does, and which methods are one another's special cases."""

import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.indexing import (
    AutoencoderConfig,
    CodeAutoencoder,
    ResidualQuantizer,
    make_indexer,
)
from moc_tf.indexing.codebook_upkeep import sample_latents, start_codebooks
from moc_tf.indexing.kmeans import kmeans

N, K, D, DIM = 3, 8, 4, 16


def autoencoder(**options):
    shape = {"num_codebooks": N, "codebook_size": K, "codebook_dim": D}
    config = AutoencoderConfig(**{**shape, "hidden_units": (7,), **options})
    return CodeAutoencoder(config, DIM)


def random_rows(rows, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(rows, DIM)).astype(np.float32)


class Weights(keras.callbacks.Callback):
    """Weights of the model at the beginning and the end of each epoch."""

    def __init__(self):
        super().__init__()
        self.before, self.after, self.logs = [], [], []

    def _weights(self):
        return {w.name.removesuffix(":0"): w.numpy() for w in self.model.weights}

    def on_epoch_begin(self, epoch, logs=None):
        self.before.append(self._weights())

    def on_epoch_end(self, epoch, logs=None):
        self.after.append(self._weights())
        self.logs.append(dict(logs))


def fit_watched(vectors, method="moc", **options):
    shape = {"num_codebooks": N, "codebook_size": K, "codebook_dim": D}
    options = {**shape, "hidden_units": (7,), "batch_size": 64, **options}
    watch = Weights()
    return make_indexer(method, **options).fit(vectors, callbacks=[watch]), watch


def learned(indexer):
    return indexer._arrays()


def assert_equal_indexers(one, other, vectors):
    np.testing.assert_array_equal(one.encode(vectors), other.encode(vectors))
    assert learned(one).keys() == learned(other).keys()
    for name, array in learned(one).items():
        np.testing.assert_array_equal(learned(other)[name], array, err_msg=name)


# Special cases


@pytest.fixture(scope="module")
def vq(vectors):
    return fit_watched(vectors, "vq", num_codebooks=1, epochs=3)[0]


@pytest.mark.parametrize("method", ["moc", "rq_vae"])
def test_one_codebook_is_vq_bit_for_bit(method, vq, vectors):
    other, _ = fit_watched(vectors, method, num_codebooks=1, epochs=3)
    assert_equal_indexers(vq, other, vectors)
    assert len(np.unique(vq.encode(vectors))) > 2


def test_one_codebook_is_one_level_by_moving_averages_too(vectors):
    options = {"epochs": 3, "num_codebooks": 1, "codebook_update": "ema"}
    vq, levels = (fit_watched(vectors, m, **options)[0] for m in ("vq", "rq_vae"))
    assert_equal_indexers(vq, levels, vectors)


def test_multi_embedding_is_vq_with_more_tables(vq, vectors):
    me, _ = fit_watched(vectors, "me", num_codebooks=5, epochs=3)
    assert_equal_indexers(vq, me, vectors)
    assert (me.codes_per_item, me.tables_per_code) == (1, 5)
    assert (vq.codes_per_item, vq.tables_per_code) == (1, 1)


def test_permuting_a_level_permutes_codes_and_nothing_else():
    random = np.random.default_rng(0)
    latents = random.normal(size=(20, 1, D)).astype(np.float32)
    codebooks = random.normal(size=(N, 5, D)).astype(np.float32)
    order = np.array([3, 0, 4, 1, 2])
    permuted = codebooks.copy()
    permuted[1] = codebooks[1, order]
    results = []
    for books in (codebooks, permuted):
        layer = ResidualQuantizer(N, 5, D)
        layer.build((None, 1, D))
        layer.codebooks.assign(books)
        results.append(layer(latents))
    before, after = results
    codes = after.codes.numpy()
    assert (codes != before.codes.numpy()).any()
    codes[:, 1] = order[codes[:, 1]]
    np.testing.assert_array_equal(codes, before.codes)
    np.testing.assert_array_equal(after.quantized, before.quantized)
    for name, loss in before.losses.items():
        assert float(after.losses[name]) == float(loss)


@pytest.mark.parametrize("start", ["kmeans", "sample"])
def test_a_further_level_never_leaves_more_error(start):
    model = autoencoder(
        quantizer="residual", latent="shared", num_codebooks=6, codebook_start=start
    )
    sample = random_rows(200)
    start_codebooks(model, sample, seed=0, batch_size=256)
    if start == "sample":
        # A sample has no code for "as it is"; with one, no level can make it worse.
        books = model.quantizer.codebooks.numpy()
        books[:, -1] = 0
        model.quantizer.codebooks.assign(books)
    latents = tf.constant(sample_latents(model, sample))
    errors = [float(tf.reduce_mean(tf.square(latents)))]
    for levels in range(1, 7):
        assigned = model.quantizer.assign_levels(latents, levels)
        left = (assigned.targets - assigned.chosen)[:, -1]
        errors.append(float(tf.reduce_mean(tf.square(left))))
    assert (np.diff(errors) <= 0).all()
    assert errors[-1] < 0.3 * errors[0]


# Choices by name


@pytest.mark.parametrize("kind", [{}, {"quantizer": "residual", "latent": "shared"}])
def test_the_rotation_turns_the_gradient_of_the_encoder_alone(kind):
    gradients, losses = [], []
    for estimator in ("straight_through", "rotation"):
        model = autoencoder(estimator=estimator, seed=3, **kind)
        variables = {v.name: v for v in model.trainable_variables}
        with tf.GradientTape() as tape:
            loss = model.total_loss(model.forward(random_rows(30))[2])
        found = tape.gradient(loss, variables)
        gradients.append({n: tf.convert_to_tensor(g).numpy() for n, g in found.items()})
        losses.append(float(loss))
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    plain, turned = gradients
    for name, gradient in plain.items():
        if name.startswith(("encoder", "heads")):
            assert np.abs(turned[name] - gradient).max() > 1e-4
        else:
            np.testing.assert_allclose(turned[name], gradient, atol=1e-6)


def test_dead_codes_are_replaced_or_kept():
    # Codes at a few of the vectors only: more vectors come near in training.
    vectors = random_rows(300) * np.float32(0.1)
    vectors[:3] *= 300  # k-means spends codes on these, and training leaves them
    options = {"epochs": 8, "codebook_size": 64, "learning_rate": 0.02}
    usage = {}
    for choice in ("replace", "keep"):
        _, watch = fit_watched(vectors, dead_codes=choice, **options)
        usage[choice] = [logs["usage"] for logs in watch.logs]
    assert usage["replace"][0] == usage["keep"][0]
    assert usage["replace"][-1] > usage["keep"][-1] + 0.02


@pytest.mark.parametrize("distance", ["l2", "cosine"])
@pytest.mark.parametrize("start", ["kmeans", "sample"])
def test_codebooks_start_at_centroids_or_at_a_sample(start, distance):
    model = autoencoder(codebook_start=start, distance=distance, hidden_units=(16,))
    sample = random_rows(100)
    start_codebooks(model, sample, seed=5, batch_size=256)
    latents = sample_latents(model, sample)
    if distance == "cosine":
        latents /= np.linalg.norm(latents, axis=-1, keepdims=True)
    for n, codes in enumerate(model.quantizer.codebooks.numpy()):
        apart = np.abs(latents[:, n, np.newaxis] - codes).max(axis=-1).min(axis=0)
        if start == "sample":
            assert apart.max() < 1e-6
            assert len(np.unique(codes, axis=0)) == K
        else:
            assert (apart > 1e-3).mean() > 0.5
            expected = kmeans(latents[:, n], K, 5 + n, distance == "cosine")
            np.testing.assert_allclose(codes, expected, atol=1e-5)
        if distance == "cosine":
            np.testing.assert_allclose(np.linalg.norm(codes, axis=-1), 1, atol=1e-5)


def test_residual_levels_start_in_what_is_left():
    model = autoencoder(quantizer="residual", latent="shared")
    sample = random_rows(100)
    start_codebooks(model, sample, seed=5, batch_size=256)
    left = sample_latents(model, sample)[:, 0]
    for n, codes in enumerate(model.quantizer.codebooks.numpy()):
        np.testing.assert_allclose(codes, kmeans(left, K, 5 + n), atol=1e-5)
        nearest = np.square(left[:, np.newaxis] - codes).sum(axis=-1).argmin(axis=1)
        left = left - codes[nearest]


def test_in_the_warm_up_codebooks_wait(vectors):
    _, watch = fit_watched(vectors, epochs=4, warmup_epochs=2)
    name = "quantizer/codebooks"
    initial = watch.before[0][name]
    for epoch in range(2):
        np.testing.assert_array_equal(watch.after[epoch][name], initial)
        assert set(watch.logs[epoch]) == {"loss", "reconstruction"}
        moved = watch.after[epoch]["heads/kernel"] - watch.before[epoch]["heads/kernel"]
        assert np.abs(moved).max() > 1e-4
    assert {"commitment", "usage", "perplexity"} <= set(watch.logs[2])
    # The start: centroids of the latents that the warm-up has ended with.
    model = autoencoder()
    for weight in model.weights:
        key = weight.name.removesuffix(":0")
        if key in watch.after[1] and key not in ("total", "count"):
            weight.assign(watch.after[1][key])
    latents = sample_latents(model, vectors)
    for n in range(N):
        expected = kmeans(latents[:, n], K, n)
        np.testing.assert_allclose(watch.before[2][name][n], expected, atol=1e-5)
    assert np.abs(watch.after[2][name] - watch.before[2][name]).max() > 1e-5


def test_while_warming_the_decoder_sees_the_latents():
    model = autoencoder()
    rows = random_rows(5)
    model.warming = True
    codes, reconstruction, terms = model.forward(rows)
    assert codes is None
    expected = model.reconstruct(model.latents(rows))
    np.testing.assert_array_equal(reconstruction, expected)
    assert set(terms) == {"reconstruction"}


def decoder_with_biases(**options):
    """An autoencoder, its weights by name, and code vectors [6, N, D] to decode."""
    model = autoencoder(**options)
    weights = {w.name.removesuffix(":0"): w.numpy() for w in model.state}
    for name in weights:
        if name.endswith("bias"):
            weights[name] = random_rows(weights[name].size)[:, 0].reshape(
                weights[name].shape
            )
    for weight in model.state:
        weight.assign(weights[weight.name.removesuffix(":0")])
    quantized = np.random.default_rng(1).normal(size=(6, N, D)).astype(np.float32)
    return model, weights, quantized


@pytest.mark.parametrize("hidden_units", [(9, 7), ()])
def test_a_decoder_may_see_all_code_vectors_side_by_side(hidden_units):
    model, weights, quantized = decoder_with_biases(
        decoder="concatenated", hidden_units=hidden_units
    )
    hidden = np.concatenate([quantized[:, n] for n in range(N)], axis=1)
    for layer in range(len(hidden_units)):
        kernel = weights[f"decoder_{layer}/kernel"]
        hidden = np.maximum(hidden @ kernel + weights[f"decoder_{layer}/bias"], 0)
    expected = (
        hidden @ weights["reconstruction/kernel"] + weights["reconstruction/bias"]
    )
    np.testing.assert_allclose(model.reconstruct(quantized), expected, atol=1e-5)


def test_one_code_vector_beside_no_other_is_its_mean(vq, vectors):
    other, _ = fit_watched(
        vectors, "moc", num_codebooks=1, epochs=3, decoder="concatenated"
    )
    assert_equal_indexers(vq, other, vectors)


@pytest.mark.parametrize("hidden_units", [(9, 7), ()])
def test_decoders_per_codebook_are_averaged(hidden_units):
    model, weights, quantized = decoder_with_biases(
        decoder="per_codebook", hidden_units=hidden_units
    )
    outputs = []
    for n in range(N):
        hidden = quantized[:, n]
        for layer in range(len(hidden_units)):
            kernel = weights[f"decoder_{layer}/kernel"][n]
            hidden = np.maximum(
                hidden @ kernel + weights[f"decoder_{layer}/bias"][n], 0
            )
        kernel, bias = weights["reconstruction/kernel"], weights["reconstruction/bias"]
        outputs.append(hidden @ kernel[n] + bias[n])
    assert np.abs(outputs[0] - outputs[1]).max() > 0.1
    np.testing.assert_allclose(
        model.reconstruct(quantized), np.mean(outputs, axis=0), atol=1e-5
    )


def test_moving_averages_leave_the_codebooks_out_of_the_optimizer():
    gradient, ema = autoencoder(), autoencoder(codebook_update="ema")
    names = {w.name for w in gradient.trainable_weights}
    assert names - {w.name for w in ema.trainable_weights} == {"quantizer/codebooks:0"}
    rows = random_rows(40)
    start_codebooks(ema, rows, seed=0, batch_size=30)
    # As many as an average batch gives each code.
    codes = ema.encode(rows).numpy()
    share = 30 / len(rows)
    for n in range(N):
        counts = np.bincount(codes[:, n], minlength=K) * share
        np.testing.assert_allclose(ema.quantizer.counts[n], counts, rtol=1e-6)


# The first step


def used(model, rows):
    return [len(np.unique(column)) for column in model.encode(rows).numpy().T]


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("update", ["gradient", "ema"])
@pytest.mark.parametrize("batch", [3, 200])
def test_the_first_step_leaves_codes_in_use_and_in_the_data(batch, update, residual):
    kind = {"quantizer": "residual", "latent": "shared"} if residual else {}
    model = autoencoder(
        codebook_size=32, batch_size=batch, codebook_update=update, **kind
    )
    rows = random_rows(200)
    start_codebooks(model, rows, seed=0, batch_size=batch)
    before = used(model, rows)
    assert min(before) == 32
    latents = tf.constant(sample_latents(model, rows))
    targets = model.quantizer.assign(latents).targets.numpy()
    low, high = targets.min(axis=0), targets.max(axis=0)
    if update == "ema":
        # Alone, so that what is looked at is the step of the codebooks.
        model.quantizer(latents[:batch], training=True)
    else:
        model.compile(keras.optimizers.Adam(1e-3, jit_compile=False))
        model.train_on_batch(rows[:batch])
    codebooks = model.quantizer.codebooks.numpy()
    margin = 0.01 * (high - low)
    for n, codes in enumerate(codebooks):
        assert (codes >= low[n] - margin[n]).all()
        assert (codes <= high[n] + margin[n]).all()
    after = [
        len(np.unique(column)) for column in model.quantizer.encode(latents).numpy().T
    ]
    assert sum(after) >= sum(before) - (0 if update == "ema" else 2)


def test_usage_does_not_fall_in_a_resumed_fit(vectors, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise InterruptedError

    options = {"codebook_update": "ema", "codebook_size": 16, "batch_size": 8}
    options |= {
        "epochs": 4,
        "num_codebooks": 2,
        "codebook_dim": 4,
        "hidden_units": (7,),
    }
    with pytest.raises(InterruptedError):
        make_indexer("moc", **options).fit(
            vectors, callbacks=[Stop()], checkpoint=tmp_path
        )
    watch = Weights()
    make_indexer("moc", **options).fit(vectors, callbacks=[watch], checkpoint=tmp_path)
    counts = watch.before[0]["quantizer/counts"]
    assert counts.sum(axis=1) == pytest.approx(8, rel=0.2)
    step = (
        watch.after[0]["quantizer/codebooks"] - watch.before[0]["quantizer/codebooks"]
    )
    scale = np.abs(watch.before[0]["quantizer/codebooks"]).max()
    assert np.abs(step).max() < 0.5 * scale
    assert watch.logs[0]["usage"] > 0.9
