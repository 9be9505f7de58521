import numpy as np
import pytest

from moc_tf.indexing import AutoencoderConfig, CodeAutoencoder, perplexity
from moc_tf.indexing.codebook_upkeep import (
    CodebookUpkeep,
    sample_latents,
    start_codebooks,
)
from moc_tf.indexing.kmeans import kmeans

N, K, D, EPOCHS = 3, 8, 4, 5


def autoencoder(**options):
    config = AutoencoderConfig(N, K, D, hidden_units=(16,), epochs=EPOCHS, **options)
    return CodeAutoencoder(config, 6)


def random_sample(rows=200):
    return np.random.default_rng(0).normal(size=(rows, 6)).astype(np.float32)


def end_epoch(epoch, dead, seed=0):
    """Ends `epoch`, in which no vector chose the `dead` (codebook, code) pairs.

    Returns:
      The codebooks before and after, the sample's latents, and the logs.
    """
    model, sample = autoencoder(), random_sample()
    start_codebooks(model, sample, seed=0, batch_size=64)
    before = model.quantizer.codebooks.numpy()
    upkeep = CodebookUpkeep(sample, EPOCHS, seed, batch_size=64)
    upkeep.set_model(model)
    model.usage.assign(np.full([N, K], 99))  # of an epoch before
    upkeep.on_epoch_begin(epoch)
    counts = np.arange(1, N * K + 1).reshape(N, K)
    for codebook, code in dead:
        counts[codebook, code] = 0
    model.usage.assign_add(counts)
    logs = {"loss": 1.0}
    upkeep.on_epoch_end(epoch, logs)
    after = model.quantizer.codebooks.numpy()
    return before, after, sample_latents(model, sample), (logs, counts)


@pytest.mark.parametrize("latent", ["projected", "shared"])
def test_codebooks_start_at_the_centroids_of_their_own_latents(latent):
    model, sample = autoencoder(latent=latent), random_sample()
    start_codebooks(model, sample, seed=11, batch_size=64)
    latents = model.latents(model.normalise(sample)).numpy()
    codebooks = model.quantizer.codebooks.numpy()
    for n in range(N):
        np.testing.assert_array_equal(codebooks[n], kmeans(latents[:, n], K, 11 + n))


def test_codebooks_of_a_shared_latent_start_apart():
    model = autoencoder(latent="shared")
    start_codebooks(model, random_sample(), seed=0, batch_size=64)
    codebooks = {codes.tobytes() for codes in model.quantizer.codebooks.numpy()}
    assert len(codebooks) == N


def test_every_code_is_used_at_the_start():
    model, sample = autoencoder(), random_sample()
    start_codebooks(model, sample, seed=0, batch_size=64)
    for column in model.encode(sample).numpy().T:
        counts = np.bincount(column, minlength=K)
        assert (counts > 0).all()
        assert perplexity(counts) > 0.75 * K


def test_dead_codes_move_onto_latents_of_their_own_head():
    dead = [(0, 3), (0, 4), (2, 0)]
    before, after, latents, _ = end_epoch(0, dead)
    for codebook, code in dead:
        distances = np.abs(latents - after[codebook, code]).max(axis=-1)
        assert distances[:, codebook].min() < 1e-6
        assert (after[codebook, code] != before[codebook, code]).any()
    assert (after[0, 3] != after[0, 4]).any()


def test_codes_in_use_stay_where_they_are():
    dead = [(0, 3), (2, 0)]
    before, after, _, _ = end_epoch(0, dead)
    changed = np.argwhere((before != after).any(axis=-1))
    np.testing.assert_array_equal(changed, dead)


def test_where_a_dead_code_goes_depends_on_the_seed_alone():
    moved = [end_epoch(0, [(1, 1)], seed)[1][1, 1] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(moved[0], moved[1])
    assert (moved[0] != moved[2]).any()


@pytest.mark.parametrize("epoch", range(EPOCHS))
def test_the_last_two_epochs_replace_nothing(epoch):
    before, after, _, _ = end_epoch(epoch, [(1, 2)])
    assert (before != after).any() == (epoch < EPOCHS - 2)


def test_moving_averages_count_a_replaced_code_an_even_share_of_a_batch():
    model, sample = autoencoder(codebook_update="ema"), random_sample()
    start_codebooks(model, sample, seed=0, batch_size=20)
    np.testing.assert_allclose(model.quantizer.counts.numpy().sum(axis=1), 20)
    upkeep = CodebookUpkeep(sample, EPOCHS, seed=0, batch_size=20)
    upkeep.set_model(model)
    upkeep.on_epoch_end(0)  # in which no code was chosen
    np.testing.assert_allclose(model.quantizer.counts, 20 / K)
