"""What codes tell, by hand-computed values and against scikit-learn."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    adjusted_mutual_info_score,
    mutual_info_score,
    normalized_mutual_info_score,
)

from moc_tf.evaluation import cluster_agreement, joint_code, label_information
from moc_tf.evaluation.discriminability import _DEALS


def test_items_with_all_codes_in_common_have_one_joint_code():
    codes = [[0, 1], [1, 0], [0, 1], [1, 1], [0, 0]]
    joint = joint_code(codes)
    assert joint.shape == (5,)
    assert joint[0] == joint[2]
    assert len(set(joint.tolist())) == 4


def test_a_code_that_is_the_label_tells_one_bit_of_balanced_labels():
    # The second code set is independent of the label, and so is a third with one code.
    codes = [[0, 0, 5], [0, 1, 5], [1, 0, 5], [1, 1, 5]]
    found = label_information(codes, [0, 1, 2, 3] * 3, [0, 0, 1, 1] * 3)
    assert found.label_bits == pytest.approx(1 / 3)
    assert found.joint_label_bits == pytest.approx(1)


def test_information_computed_by_hand():
    # Rows without and with a click: of code 0 three and one, of code 1 one and three.
    found = label_information([[0], [1]], [0] * 4 + [1] * 4, [0, 0, 0, 1, 0, 1, 1, 1])
    by_hand = 1 + 0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)
    assert found.label_bits == pytest.approx(by_hand)
    assert found.joint_label_bits == pytest.approx(by_hand)


def test_an_independent_code_tells_nothing():
    codes, rows = [[0], [1]], [0, 0, 1, 1]
    assert label_information(codes, rows, [0, 1, 0, 1]).label_bits == pytest.approx(0)
    assert label_information(codes, rows, [1, 1, 1, 1]).label_bits == pytest.approx(0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 12))
def test_information_is_scikit_learns_over_the_rows(seed, num_codes, size):
    random = np.random.default_rng(seed)
    codes = random.integers(size, size=(20, num_codes))
    rows, labels = random.integers(20, size=60), random.integers(2, size=60)
    found = label_information(codes, rows, labels.astype(np.float32))
    by_set = [mutual_info_score(codes[rows, n], labels) for n in range(num_codes)]
    assert found.label_bits == pytest.approx(np.mean(by_set) / math.log(2), abs=1e-12)
    joint = mutual_info_score(joint_code(codes)[rows], labels) / math.log(2)
    assert found.joint_label_bits == pytest.approx(joint, abs=1e-12)
    assert found.joint_label_bits >= found.label_bits - 1e-12


def test_chance_is_what_codes_tell_that_are_dealt_out_to_the_items_with_rows():
    random = np.random.default_rng(3)
    codes, rows = random.integers(4, size=(30, 2)), random.integers(20, size=200)
    labels = random.integers(2, size=200)
    found = label_information(codes, rows, labels, seed=5)
    # The last ten items have no row: what codes they have is no matter.
    changed = np.vstack([codes[:20], codes[20:] + 9])
    assert label_information(changed, rows, labels, seed=5) == found
    dealt = np.random.default_rng(5)
    chance = []
    for _ in range(_DEALS):
        order = dealt.permutation(np.arange(20)[np.newaxis], axis=1)[0]
        again = label_information(codes[:20][order], rows, labels)
        chance.append((again.label_bits, again.joint_label_bits))
    assert (found.chance_label_bits, found.joint_chance_label_bits) == pytest.approx(
        np.mean(chance, axis=0)
    )
    assert found.extra_label_bits == found.label_bits - found.chance_label_bits
    assert found.joint_extra_label_bits == (
        found.joint_label_bits - found.joint_chance_label_bits
    )


def test_less_chance_codes_that_say_nothing_tell_nothing_and_good_ones_do():
    random = np.random.default_rng(0)
    appeal = random.integers(2, size=400)
    rows = random.integers(400, size=8_000)
    labels = (random.random(8_000) < np.where(appeal[rows], 0.8, 0.2)).astype(int)
    noise = random.integers(50, size=(400, 20))
    bad = label_information(noise, rows, labels)
    assert bad.label_bits > 0.02  # the bias
    assert bad.extra_label_bits == pytest.approx(0, abs=0.005)
    good = label_information(appeal[:, np.newaxis], rows, labels)
    assert good.extra_label_bits > 0.25
    # The item under another name tells most, and nothing less chance.
    own = label_information(np.arange(400)[:, np.newaxis], rows, labels)
    assert own.label_bits > good.label_bits
    assert own.extra_label_bits == pytest.approx(0, abs=1e-12)


def test_agreement_is_scikit_learns():
    random = np.random.default_rng(1)
    codes, clusters = random.integers(5, size=(200, 3)), random.integers(6, size=200)
    codes[:, 1] = clusters // 2
    found = cluster_agreement(codes, clusters)
    joint = codes @ [1, 10, 100]
    for value, of_joint, score in (
        (found.cluster_nmi, found.joint_cluster_nmi, normalized_mutual_info_score),
        (found.cluster_ami, found.joint_cluster_ami, adjusted_mutual_info_score),
    ):
        by_set = [score(clusters, codes[:, n]) for n in range(3)]
        assert value == pytest.approx(np.mean(by_set))
        assert of_joint == pytest.approx(score(clusters, joint))


def test_own_codes_have_high_nmi_and_no_ami():
    clusters = np.random.default_rng(0).integers(8, size=100)
    own = cluster_agreement(np.arange(100)[:, np.newaxis], clusters)
    assert own.joint_cluster_nmi > 0.5
    assert own.joint_cluster_ami == pytest.approx(0, abs=1e-6)
    same = cluster_agreement(clusters[:, np.newaxis], clusters)
    assert dataclasses.astuple(same) == pytest.approx((1, 1, 1, 1))


@pytest.mark.parametrize(
    ("codes", "rows", "labels", "wrong"),
    [
        ([0, 1], [0], [0], r"integers \[items, N\].*Received: int64 \[2\]"),
        ([[0.5]], [0], [0], r"integers \[items, N\].*Received: float64"),
        ([[-1]], [0], [0], r"at least 0\. Received: -1"),
        ([[0]], [], [], r"and rows\. Received: shapes \[0\]"),
        ([[0]], [0, 0], [0], r"Received: shapes \[2\] and \[1\]"),
        ([[0]], [1], [0], r"integers in \[0, 1\).*from 1 to 1"),
        ([[0]], [0], [2], r"0 or 1\. Received: \[2\]"),
        ([[0]], [0, 0], [0, 0.5], r"0 or 1\. Received: \[0\.0, 0\.5\]"),
    ],
)
def test_what_cannot_be_measured_is_named(codes, rows, labels, wrong):
    with pytest.raises(ValueError, match=wrong):
        label_information(codes, rows, labels)


def test_clusters_of_other_items_are_refused():
    with pytest.raises(ValueError, match=r"each of 2 items\. Received: shape \[3\]"):
        cluster_agreement([[0], [1]], [0, 1, 2])
