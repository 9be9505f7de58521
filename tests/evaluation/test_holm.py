import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf.evaluation import holm_adjusted


def test_by_hand():
    # Ascending 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.04, and
    # no value is below the one before it.
    adjusted = holm_adjusted([0.03, 0.01, 0.04, 0.02])
    np.testing.assert_allclose(adjusted, [0.06, 0.04, 0.06, 0.06])
    np.testing.assert_allclose(holm_adjusted([0.5, 0.001, 0.6]), [1.0, 0.003, 1.0])


def test_one_test_needs_no_correction():
    assert holm_adjusted([0.04]).tolist() == [0.04]
    assert holm_adjusted([]).tolist() == []


def test_what_was_not_tested_is_not_counted():
    adjusted = holm_adjusted([0.02, math.nan, 0.03])
    np.testing.assert_allclose(adjusted, [0.04, math.nan, 0.04])


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_it_is_the_closed_test_of_bonferroni(p_values):
    # A hypothesis is rejected where every set of hypotheses with it is.
    places = range(len(p_values))
    sets = [
        chosen
        for size in range(1, len(p_values) + 1)
        for chosen in itertools.combinations(places, size)
    ]
    expected = [
        max(
            min(1, len(chosen) * min(p_values[place] for place in chosen))
            for chosen in sets
            if place_of in chosen
        )
        for place_of in places
    ]
    np.testing.assert_allclose(holm_adjusted(p_values), expected, rtol=1e-12)


def test_bad_values_are_named():
    with pytest.raises(ValueError, match=r"one-dimensional\. Received: shape \(1, 2\)"):
        holm_adjusted([[0.1, 0.2]])
    for wrong in (-0.1, 1.5):
        with pytest.raises(ValueError, match=rf"in \[0, 1\]\. Received: \[{wrong}\]"):
            holm_adjusted([wrong])
