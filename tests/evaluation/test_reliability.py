import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve

from moc_tf.evaluation import (
    ReliabilityBin,
    calibration,
    calibration_error,
    reliability_table,
)


def test_calibration_by_hand():
    logits = logit([0.5, 0.25, 0.75, 0.5])
    assert calibration([1, 0, 0, 0], logits) == pytest.approx(2.0)
    assert calibration([1, 1, 1, 1], logits) == pytest.approx(0.5)
    assert math.isnan(calibration([0, 0, 0, 0], logits))
    assert math.isnan(calibration([], []))
    # The second row three times: (0.5 + 3 * 0.25) / 4 over 1 / 4.
    assert calibration([1, 0], logits[:2], [1, 3]) == pytest.approx(1.25)


def test_a_table_by_hand():
    labels = [0, 1, 0, 0, 1, 1]
    table = reliability_table(labels, logit([0.1, 0.2, 0.3, 0.6, 0.8, 0.7]), num_bins=2)
    assert [each.rows for each in table] == [3, 3]
    np.testing.assert_allclose(table, [(3, 0.2, 1 / 3), (3, 0.7, 2 / 3)])
    expected = (3 * (1 / 3 - 0.2) + 3 * (0.7 - 2 / 3)) / 6
    assert calibration_error(table) == pytest.approx(expected)


def test_bins_count_by_their_rows():
    table = [ReliabilityBin(9, 0.5, 0.5), ReliabilityBin(1, 0.2, 0.8)]
    assert calibration_error(table) == pytest.approx(0.06)
    assert math.isnan(calibration_error([]))
    assert reliability_table([], []) == []


# Few different scores, so that bins are uneven, and some without rows.
@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.one_of(st.integers(-3, 3), st.floats(-60, 60))),
        min_size=1,
        max_size=60,
    ),
    st.integers(1, 12),
)
def test_a_table_is_the_curve_of_scikit_learn(examples, num_bins):
    labels, logits = np.array(examples, float).T
    table = reliability_table(labels, logits, num_bins)
    observed, predicted = calibration_curve(
        labels, expit(logits), n_bins=num_bins, strategy="quantile", pos_label=1
    )
    np.testing.assert_allclose([each.observed for each in table], observed)
    np.testing.assert_allclose([each.predicted for each in table], predicted)
    assert sum(each.rows for each in table) == len(labels)
    assert sum(each.rows * each.observed for each in table) == pytest.approx(
        labels.sum()
    )
    assert 0 <= calibration_error(table) <= 1


def test_the_order_of_rows_does_not_matter():
    random = np.random.default_rng(0)
    labels, logits = random.integers(0, 2, 99), random.integers(-2, 3, 99)
    order = random.permutation(99)
    table = reliability_table(labels, logits)
    np.testing.assert_allclose(reliability_table(labels[order], logits[order]), table)


def test_probabilities_that_are_right_have_little_error_and_others_much():
    random = np.random.default_rng(0)
    logits = random.normal(-1, 1, 100_000)
    labels = random.random(100_000) < expit(logits)
    right = reliability_table(labels, logits)
    assert {each.rows for each in right} == {10_000}
    assert calibration_error(right) < 0.01
    assert calibration(labels, logits) == pytest.approx(1, abs=0.01)
    shifted = logits + 1
    assert calibration_error(reliability_table(labels, shifted)) > 0.1
    assert calibration(labels, shifted) > 1.3


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"num_bins must be at least 1\. Received: 0"):
        reliability_table([0, 1], [0, 1], 0)
    with pytest.raises(ValueError, match="logits must be finite"):
        reliability_table([0, 1], [0, math.nan])
