import math

import numpy as np
import pytest

from moc_tf.indexing import AutoencoderConfig, make_indexer

INTEGERS = {
    "num_codebooks": 1,
    "codebook_size": 2,
    "codebook_dim": 1,
    "epochs": 1,
    "batch_size": 1,
    "seed": 0,
}


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_have_a_least_value(name):
    least = INTEGERS[name]
    assert getattr(AutoencoderConfig(**{name: least}), name) == least
    assert getattr(AutoencoderConfig(**{name: np.int64(least)}), name) == least
    for bad in (least - 1, least + 0.5, float(least), str(least), None):
        message = rf"^{name} must be an integer of at least {least}\. Received: {bad!r}"
        with pytest.raises(ValueError, match=message):
            AutoencoderConfig(**{name: bad})


@pytest.mark.parametrize("name", ["commitment_cost", "diversity_weight"])
def test_weights_are_finite_and_not_negative(name):
    assert getattr(AutoencoderConfig(**{name: 0}), name) == 0
    for bad in (-0.1, math.nan, math.inf, "1"):
        with pytest.raises(
            ValueError,
            match=rf"^{name} must be a finite number of at least 0\. Received: {bad!r}",
        ):
            AutoencoderConfig(**{name: bad})


@pytest.mark.parametrize("bad", [0, -1e-3, math.nan, math.inf, "fast"])
def test_the_learning_rate_is_above_zero(bad):
    with pytest.raises(
        ValueError, match=r"^learning_rate must be a finite number above 0\. Received: "
    ):
        AutoencoderConfig(learning_rate=bad)


@pytest.mark.parametrize("bad", [(64, 0), (64, 1.5), 64, "64", None])
def test_hidden_units_are_widths(bad):
    with pytest.raises(
        ValueError, match=r"^hidden_units must be a tuple of integers.* Received: "
    ):
        AutoencoderConfig(hidden_units=bad)


def test_hidden_units_may_come_as_a_list_as_from_json():
    config = AutoencoderConfig(hidden_units=[8, 4])
    assert config == AutoencoderConfig(hidden_units=(8, 4))
    assert hash(config) == hash(AutoencoderConfig(hidden_units=(8, 4)))


def test_latents_are_projected_or_shared():
    with pytest.raises(
        ValueError,
        match=r"latent must be one of .'projected', 'shared'.\. Received: 'both'",
    ):
        AutoencoderConfig(latent="both")


@pytest.mark.parametrize("options", [{"num_codebooks": 1}, {"latent": "shared"}])
def test_diversity_needs_latents_that_can_differ(options):
    with pytest.raises(
        ValueError, match=r"diversity_weight needs at least two projected latents"
    ):
        AutoencoderConfig(diversity_weight=0.1, **options)


def test_make_indexer_passes_the_errors_on():
    with pytest.raises(ValueError, match=r"codebook_size .* Received: 1\."):
        make_indexer("moc", codebook_size=1)
