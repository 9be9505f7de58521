import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from moc_tf.evaluation import (
    auc,
    calibration,
    log_loss_from_logits,
    normalized_entropy,
)

# Few different scores, so that ties are common, and rows of no weight.
WEIGHTED = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(-3, 3),
        st.one_of(st.just(0.0), st.floats(0.125, 8)),
    ),
    max_size=40,
)


def test_auc_counts_pairs_in_order():
    # Positive against negative: 2 > 1, 2 < 3, 3 > 1, 3 = 3.
    assert auc([1, 1, 0, 0], [2, 3, 1, 3]) == (1 + 0 + 1 + 1 / 2) / 4
    assert auc([True, False], np.array([1, 0], np.float16)) == 1


@pytest.mark.parametrize("labels", [[], [1, 1], [0.0, 0.0]])
def test_auc_of_one_class_is_nan(labels):
    assert math.isnan(auc(labels, np.zeros(len(labels))))


def test_log_loss_by_hand():
    # p = 1/2, then p = 3/4 for a negative.
    expected = (math.log(2) + math.log(4)) / 2
    assert log_loss_from_logits([1, 0], [0, math.log(3)]) == pytest.approx(expected)
    assert math.isnan(log_loss_from_logits([], []))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(-15, 15)), min_size=1, max_size=50)
)
def test_log_loss_is_that_of_scikit_learn(examples):
    labels, logits = np.array(examples).T
    oracle = log_loss(labels, 1 / (1 + np.exp(-logits)), labels=[0, 1])
    assert log_loss_from_logits(labels, logits) == pytest.approx(oracle, rel=1e-6)


def test_log_loss_is_exact_far_out():
    assert log_loss_from_logits([0, 1], [1e4, -3e4]) == 2e4
    assert log_loss_from_logits([1], [50]) == pytest.approx(math.exp(-50), rel=1e-12)
    assert log_loss_from_logits([0], [-700]) > 0
    # In float32, as models give it, this sum would lose most digits.
    logits = np.full(100_000, 3.0, np.float32)
    expected = math.log1p(math.exp(-3))
    assert log_loss_from_logits(np.ones(100_000), logits) == pytest.approx(
        expected, rel=1e-12
    )


@settings(deadline=None)
@given(WEIGHTED)
def test_weights_are_those_of_scikit_learn(examples):
    labels, logits, weights = np.array(examples).reshape(-1, 3).T
    found_auc = auc(labels, logits, weights)
    found_loss = log_loss_from_logits(labels, logits, weights)
    counted = labels[weights > 0]
    if len(set(counted)) == 2:
        expected = roc_auc_score(labels, logits, sample_weight=weights)
        assert found_auc == pytest.approx(expected, rel=1e-9)
    else:
        assert math.isnan(found_auc)
    if counted.size:
        expected = log_loss(
            labels, 1 / (1 + np.exp(-logits)), sample_weight=weights, labels=[0, 1]
        )
        assert found_loss == pytest.approx(expected, rel=1e-9)
    else:
        assert math.isnan(found_loss)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(-3, 3), st.integers(0, 3)), max_size=30
    )
)
def test_a_weight_is_a_number_of_copies(examples):
    labels, logits, weights = np.array(examples, int).reshape(-1, 3).T
    copies = np.repeat(labels, weights), np.repeat(logits, weights)
    for metric in (auc, log_loss_from_logits, normalized_entropy, calibration):
        assert metric(labels, logits, weights) == pytest.approx(
            metric(*copies), rel=1e-9, nan_ok=True
        )


def test_normalized_entropy_by_hand():
    labels = [1, 0, 0, 0]
    # The base rate is 1/4, of log-odds -log 3, and predicting it gives exactly 1.
    assert normalized_entropy(labels, [-math.log(3)] * 4) == pytest.approx(1)
    loss = (math.log(2) + 3 * math.log(2)) / 4  # of predicting 1/2
    base = -(math.log(1 / 4) / 4 + math.log(3 / 4) * 3 / 4)
    assert normalized_entropy(labels, [0] * 4) == pytest.approx(loss / base)
    assert normalized_entropy(labels, [40, -40, -40, -40]) == pytest.approx(0)
    assert math.isnan(normalized_entropy([1, 1], [0, 0]))
    assert math.isnan(normalized_entropy([], []))


@settings(deadline=None)
@given(WEIGHTED, st.floats(-3, 3))
def test_no_constant_beats_the_base_rate(examples, logit):
    labels, _, weights = np.array(examples).reshape(-1, 3).T
    found = normalized_entropy(labels, np.full(len(labels), logit), weights)
    assert math.isnan(found) or found >= 1 - 1e-9


def test_each_metric_checks_its_input():
    with pytest.raises(ValueError, match="scores must be finite"):
        auc([0, 1], [0, math.inf])
    for metric in (log_loss_from_logits, normalized_entropy, calibration):
        with pytest.raises(ValueError, match="logits must be finite"):
            metric([0, 1], [0, math.nan])
    for metric in (auc, log_loss_from_logits, normalized_entropy, calibration):
        with pytest.raises(ValueError, match=r"weights must have one value a label"):
            metric([0, 1], [0, 1], [1])
        with pytest.raises(ValueError, match=r"at least 0\. Received: -1\.0 at row 1"):
            metric([0, 1], [0, 1], [1, -1])
        with pytest.raises(ValueError, match=r"weights must be finite .* nan at row 0"):
            metric([0, 1], [0, 1], [math.nan, 1])
