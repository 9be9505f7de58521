import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf.evaluation import mean_interval, paired_difference

VALUES = st.lists(st.integers(-1000, 1000), min_size=2, max_size=8, unique=True)


def test_interval_by_hand():
    # Mean 3, standard deviation 1, and t(2 degrees of freedom, 97.5 %) = 4.302653.
    interval = mean_interval([2, 3, 4])
    assert (interval.mean, interval.n) == (3, 3)
    assert interval.half_width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert interval.low == pytest.approx(3 - 4.302653 / math.sqrt(3), rel=1e-6)
    assert interval.high == pytest.approx(3 + 4.302653 / math.sqrt(3), rel=1e-6)


@settings(deadline=None)
@given(VALUES, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_interval_is_that_of_scipy(values, confidence):
    low, high = scipy.stats.t.interval(
        confidence,
        len(values) - 1,
        loc=np.mean(values),
        scale=scipy.stats.sem(values),
    )
    interval = mean_interval(values, confidence)
    assert interval.low == pytest.approx(low, rel=1e-9, abs=1e-9)
    assert interval.high == pytest.approx(high, rel=1e-9, abs=1e-9)


def test_the_interval_covers_the_mean_as_often_as_it_says():
    samples = np.random.default_rng(0).normal(5, 2, (2000, 4))
    covered = [i.low <= 5 <= i.high for i in map(mean_interval, samples)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)


def test_one_value_has_no_interval():
    interval = mean_interval([0.6])
    assert (interval.mean, interval.n) == (0.6, 1)
    assert all(map(math.isnan, (interval.low, interval.high, interval.half_width)))


def test_equal_values_have_a_point_as_interval():
    interval = mean_interval([0.5, 0.5])
    assert interval.low == interval.mean == interval.high == 0.5


@settings(deadline=None)
@given(VALUES, st.integers(0, 2**32 - 1))
def test_difference_is_the_paired_t_test_of_scipy(values, seed):
    a = np.array(values, float)
    b = np.random.default_rng(seed).normal(0, 100, len(a))
    oracle = scipy.stats.ttest_rel(a, b)
    difference = paired_difference(a, b)
    low, high = oracle.confidence_interval(0.95)
    assert difference.mean == pytest.approx((a - b).mean())
    assert (difference.low, difference.high) == pytest.approx((low, high))
    assert difference.p_value == pytest.approx(oracle.pvalue, rel=1e-6)
    assert difference.n == len(values)
    # The interval excludes 0 exactly where the test rejects at 5 %.
    assert (difference.verdict == "n.s.") == (difference.p_value >= 0.05)


def test_verdicts():
    base = np.array([0.50, 0.60, 0.70])
    gain = np.array([0.010, 0.011, 0.012])
    noise = np.array([0.01, -0.01, 0.02])
    assert paired_difference(base + gain, base).verdict == "higher"
    assert paired_difference(base - gain, base).verdict == "lower"
    assert paired_difference(base + noise, base).verdict == "n.s."
    # Unpaired, the seeds' own spread would hide the same gain.
    assert mean_interval(base).half_width > 10 * gain.mean()


def test_constant_differences():
    same = paired_difference([1, 2, 4], [1, 2, 4])
    assert (same.mean, same.low, same.high, same.p_value) == (0, 0, 0, 1)
    assert same.verdict == "n.s."
    shifted = paired_difference([2, 3, 5], [1, 2, 4])
    assert (shifted.mean, shifted.low, shifted.high) == (1, 1, 1)
    assert (shifted.p_value, shifted.verdict) == (0, "higher")


def test_equal_values_whose_mean_would_be_rounded_have_a_point_as_interval():
    assert np.mean([0.1] * 3) != 0.1
    interval = mean_interval([0.1] * 3)
    assert interval.low == interval.mean == interval.high == 0.1
    difference = paired_difference([0.1] * 3, [0] * 3)
    assert difference.low == difference.mean == difference.high == 0.1
    assert (difference.p_value, difference.verdict) == (0, "higher")


def test_one_pair_is_not_tested():
    difference = paired_difference([0.7], [0.5])
    assert difference.mean == pytest.approx(0.2)
    assert math.isnan(difference.p_value)
    assert difference.verdict == "untested"


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"at least one value\. Received: shape \(0,"):
        mean_interval([])
    with pytest.raises(ValueError, match=r"one-dim.*Received: shape \(1, 2\)"):
        mean_interval([[1, 2]])
    with pytest.raises(ValueError, match=r"values must be finite\. Received: \[1.0, n"):
        mean_interval([1, math.nan])
    for confidence in (0, 1, math.nan):
        with pytest.raises(ValueError, match=r"in \(0, 1\)\. Received: "):
            mean_interval([1, 2], confidence)
    with pytest.raises(ValueError, match=r"pair off\. Received: 2 and 1 values"):
        paired_difference([1, 2], [1])
    with pytest.raises(ValueError, match="b must be finite"):
        paired_difference([1], [math.inf])
