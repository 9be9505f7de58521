import math

import numpy as np
import pytest

from moc_tf.indexing import (
    AutoencoderConfig,
    ParallelQuantizer,
    ResidualQuantizer,
    make_indexer,
)

INTEGERS = {
    "num_codebooks": 1,
    "codebook_size": 2,
    "codebook_dim": 1,
    "epochs": 1,
    "warmup_epochs": 0,
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


CHOICES = {
    "quantizer": ("parallel", "residual"),
    "latent": ("projected", "shared"),
    "decoder": ("shared", "concatenated", "per_codebook"),
    "distance": ("l2", "cosine"),
    "codebook_update": ("gradient", "ema"),
    "estimator": ("straight_through", "rotation"),
    "codebook_start": ("kmeans", "sample"),
    "dead_codes": ("replace", "keep"),
    "precision": ("float32", "mixed_bfloat16"),
    "encoding_precision": ("float32", "mixed_bfloat16"),
}


@pytest.mark.parametrize("name", CHOICES)
def test_choices_go_by_name(name):
    for choice in CHOICES[name]:
        latent = {"latent": "shared"} if choice == "residual" else {}
        config = AutoencoderConfig(**{**latent, name: choice})
        assert getattr(config, name) == choice
    for bad in ("both", "", None, 1):
        message = rf"^{name} must be one of .*{CHOICES[name][0]}.*Received: {bad!r}\.$"
        with pytest.raises(ValueError, match=message):
            AutoencoderConfig(**{name: bad})


@pytest.mark.parametrize("bad", [0, 1, 1.5, -0.1, math.nan, "slow", None])
def test_the_decay_lies_between_zero_and_one(bad):
    assert AutoencoderConfig(ema_decay=0.5).ema_decay == 0.5
    with pytest.raises(
        ValueError,
        match=rf"^ema_decay must be a number between 0 and 1\. Received: {bad!r}",
    ):
        AutoencoderConfig(ema_decay=bad)


def test_the_warm_up_leaves_epochs_for_the_codebooks():
    assert AutoencoderConfig(epochs=5, warmup_epochs=4).warmup_epochs == 4
    with pytest.raises(
        ValueError, match=r"must leave epochs .*Received: warmup_epochs=5, epochs=5\."
    ):
        AutoencoderConfig(epochs=5, warmup_epochs=5)


@pytest.mark.parametrize(
    "option",
    [{"latent": "projected"}, {"decoder": "per_codebook"}, {"distance": "cosine"}],
)
def test_residual_levels_add_up_in_one_latent_space(option):
    options = {"quantizer": "residual", "latent": "shared", **option}
    (value,) = option.values()
    with pytest.raises(ValueError, match=rf"one latent space.*Received: .*{value}"):
        AutoencoderConfig(**options)


@pytest.mark.parametrize(
    ("method", "option", "advice"),
    [
        ("vq", {"num_codebooks": 2}, "use 'moc' for more"),
        ("moc", {"quantizer": "residual"}, "use method 'rq_vae'"),
        ("me", {"quantizer": "residual"}, "has one codebook"),
        ("me", {"diversity_weight": 0.1}, "one codebook: nothing to tell"),
        ("rq_vae", {"quantizer": "parallel"}, "use method 'moc'"),
        ("rq_vae", {"latent": "projected"}, "share one latent"),
    ],
)
def test_what_the_name_of_a_method_fixes_stays(method, option, advice):
    ((name, value),) = option.items()
    with pytest.raises(ValueError, match=rf"{advice}.*Received: {name}={value!r}\."):
        make_indexer(method, **option)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"distance": "l1"}, r"distance must be one of .*Received: 'l1'"),
        ({"estimator": "none"}, r"estimator must be one of .*Received: 'none'"),
        ({"codebook_update": "sgd"}, r"codebook_update must be one.*Received: 'sgd'"),
        ({"ema_decay": 1.0}, r"ema_decay must be in \(0, 1\)\. Received: 1\.0"),
    ],
)
def test_quantizers_check_their_choices_too(option, message):
    for quantizer in (ParallelQuantizer, ResidualQuantizer):
        with pytest.raises(ValueError, match=message):
            quantizer(2, 3, 4, **option)


def test_residual_quantizers_have_one_distance():
    with pytest.raises(ValueError, match=r"distance 'l2'\. Received: 'cosine'"):
        ResidualQuantizer(2, 3, 4, distance="cosine")


@pytest.mark.parametrize("options", [{"num_codebooks": 1}, {"latent": "shared"}])
def test_diversity_needs_latents_that_can_differ(options):
    with pytest.raises(
        ValueError, match=r"diversity_weight needs at least two projected latents"
    ):
        AutoencoderConfig(diversity_weight=0.1, **options)


def test_make_indexer_passes_the_errors_on():
    with pytest.raises(ValueError, match=r"codebook_size .* Received: 1\."):
        make_indexer("moc", codebook_size=1)
