import math

import numpy as np
import pytest
import scipy.stats

from moc_tf.evaluation import contrast, holm_adjusted, mean_interval


def run(method, seed, auc, num_codes=7, **changes):
    return {
        "dataset": "beauty",
        "protocol": "rating",
        "split": "test",
        "model": "dcn_v2",
        "method": method,
        "num_codes": {"none": 0, "vq": 1}.get(method, num_codes),
        "fusion": "none" if method == "none" else "self_gating",
        "variant": "",
        "seed": seed,
        "auc": auc,
        "auc_new_items": auc / 2,
        "num_parameters": 10,
        "train_seconds": 1.0,
        "data_sha256": "abc",
        **changes,
    }


def runs(method, aucs, num_codes=7, **changes):
    return [run(method, seed, auc, num_codes, **changes) for seed, auc in aucs.items()]


NONE = {0: 0.50, 1: 0.54, 2: 0.58}
VQ = {0: 0.52, 1: 0.55, 2: 0.60}
ME = {0: 0.53, 1: 0.54, 2: 0.59}
MOC = {2: 0.611, 0: 0.530, 1: 0.572}  # out of order: pairs go by seed


def results():
    return [
        *runs("none", NONE),
        *runs("vq", VQ),
        *runs("me", ME, 2),
        *runs("me", {seed: auc - 0.2 for seed, auc in ME.items()}, 7),
        *runs("moc", MOC, 2),
    ]


def test_a_configuration_is_compared_with_each_reference_at_its_scale():
    moc = contrast(results())[-1]
    assert list(moc.contrasts) == ["none", "vq", "me"]
    assert moc.summary.metrics["auc"] == mean_interval([0.611, 0.530, 0.572])
    means = {name: c.differences["auc"].mean for name, c in moc.contrasts.items()}
    # By hand: 0.571 less 0.54, 0.55666... and 0.55333..., that of "me" at 2 codes.
    assert means == pytest.approx({"none": 0.031, "vq": 0.571 - 1.67 / 3, "me": 0.0177},
                                  abs=4e-5)  # fmt: skip
    assert moc.contrasts["me"].reference["num_codes"] == 2
    for name, other in (("none", NONE), ("vq", VQ), ("me", ME)):
        ours = [MOC[seed] for seed in range(3)]
        oracle = scipy.stats.ttest_rel(ours, list(other.values()))
        difference = moc.contrasts[name].differences["auc"]
        assert difference.p_value == pytest.approx(oracle.pvalue)
        interval = oracle.confidence_interval(0.95)
        assert (difference.low, difference.high) == pytest.approx(tuple(interval))
    new = moc.contrasts["none"].differences["auc_new_items"]
    assert new.mean == pytest.approx(0.0155)
    assert set(moc.contrasts["none"].differences) == {"auc", "auc_new_items"}


def test_references_are_compared_with_those_before_them_alone():
    found = {
        (each.summary.group["method"], each.summary.group["num_codes"]): list(
            each.contrasts
        )
        for each in contrast(results())
    }
    assert found == {
        ("none", 0): [],
        ("vq", 1): ["none"],
        ("me", 2): ["none", "vq"],
        ("me", 7): ["none", "vq"],
        ("moc", 2): ["none", "vq", "me"],
    }


def test_p_values_are_adjusted_over_the_family():
    elsewhere = [{**each, "model": "deepfm"} for each in results()]
    elsewhere = [each for each in elsewhere if each["method"] in ("none", "moc")]
    *_, moc, _, moc_there = contrast([*results(), *elsewhere])
    here = contrast(results())
    raw = [c.differences["auc"].p_value for e in here for c in e.contrasts.values()]
    adjusted = [c.adjusted_p_value for e in here for c in e.contrasts.values()]
    assert len(raw) == 8
    np.testing.assert_allclose(adjusted, holm_adjusted(raw))
    assert [c.adjusted_p_value for c in moc.contrasts.values()] == adjusted[-3:]
    # Alone in its family, a p-value stays.
    (only,) = moc_there.contrasts.values()
    assert only.adjusted_p_value == only.differences["auc"].p_value
    together = contrast([*results(), *elsewhere], family=())[-1]
    assert together.contrasts["none"].adjusted_p_value > only.adjusted_p_value


def test_verdicts_go_by_the_adjusted_value():
    def verdict(differences, others=()):
        aucs = {seed: NONE[seed] + d for seed, d in enumerate(differences)}
        rows = [*runs("none", NONE), *runs("moc", aucs)]
        for place, each in enumerate(others):
            shifted = {seed: NONE[seed] + d for seed, d in enumerate(each)}
            rows += runs("pq", shifted, 10 + place)
        return contrast(rows)[1].contrasts["none"].verdict

    assert verdict([0.010, 0.012, 0.015]) == "higher"
    assert verdict([-0.010, -0.012, -0.015]) == "lower"
    assert verdict([0.010, -0.010, 0.002]) == "n.s."
    assert verdict([0.010]) == "untested"
    # p is 0.014: significant alone, and not as one of four.
    assert verdict([0.010, 0.012, 0.015], [[0.01, -0.01, 0.0]] * 3) == "n.s."


def test_the_fusion_of_me_must_be_the_same_and_that_of_vq_need_not():
    rows = [
        *runs("none", NONE),
        *runs("vq", VQ),
        *runs("me", ME),
        *runs("me", VQ, fusion="residual"),
        *runs("moc", MOC, fusion="residual"),
        *runs("moc", MOC, fusion="concat_mlp"),
    ]
    residual, concat = contrast(rows)[-2:]
    assert residual.contrasts["me"].reference["fusion"] == "residual"
    assert list(concat.contrasts) == ["none", "vq"]
    assert concat.contrasts["vq"].reference["fusion"] == "self_gating"
    rows += runs("vq", VQ, fusion="residual")
    residual, concat, _ = contrast(rows)[-3:]
    assert residual.contrasts["vq"].reference["fusion"] == "residual"
    assert list(concat.contrasts) == ["none"]  # which of the two vq is not clear


def test_me_must_have_as_many_codes_and_its_single_code_stands_in_for_none():
    rows = [
        *runs("none", NONE),
        *runs("me", ME, 1),
        *runs("me", ME, 7),
        *runs("moc", MOC, 7),
        *runs("moc", MOC, 1),
        *runs("moc", MOC, 2),
    ]
    seven, one, two = contrast(rows)[-3:]
    assert seven.contrasts["me"].reference["num_codes"] == 7
    assert one.contrasts["me"].reference["num_codes"] == 1
    assert list(two.contrasts) == ["none"]


def test_a_variant_of_a_reference_is_compared_with_it():
    rows = [*runs("none", NONE), *runs("vq", VQ), *runs("vq", ME, variant="shuffled")]
    shuffled = contrast(rows)[-1]
    assert list(shuffled.contrasts) == ["none", "vq"]
    assert shuffled.contrasts["vq"].reference["variant"] == ""


def test_other_settings_are_no_reference():
    rows = [*runs("none", NONE), *runs("moc", MOC, protocol="implicit")]
    assert contrast(rows)[-1].contrasts == {}
    rows = [*runs("none", NONE), *runs("moc", {7: 0.6})]  # no seed in common
    assert contrast(rows)[-1].contrasts == {}


def test_one_pair_is_untested_and_not_counted():
    rows = [*runs("none", NONE), *runs("moc", {0: 0.6}), *runs("pq", MOC)]
    _, moc, pq = contrast(rows)
    assert math.isnan(moc.contrasts["none"].adjusted_p_value)
    difference = pq.contrasts["none"].differences["auc"]
    assert pq.contrasts["none"].adjusted_p_value == difference.p_value


def test_what_does_not_fit_is_named():
    other = runs("moc", MOC, data_sha256="other")
    with pytest.raises(ValueError, match=r"the same data.*'beauty'.*'moc', seed 2"):
        contrast([*runs("vq", VQ), *other])
    with pytest.raises(ValueError, match=r"family must be among.*Received: \['x'\]"):
        contrast(results(), family=("x",))
