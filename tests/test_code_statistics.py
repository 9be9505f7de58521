import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.metrics import (
    adjusted_mutual_info_score,
    normalized_mutual_info_score,
)

from moc_tf import code_statistics
from moc_tf.code_statistics import (
    code_usage,
    measure_codes,
    measure_stability,
    perplexity,
)

code_sets = npst.arrays(
    np.int32,
    st.tuples(st.integers(1, 30), st.integers(1, 4)),
    elements=st.integers(0, 5),
)


def random_codes(items=500, num_codebooks=3, size=8, seed=0):
    return np.random.default_rng(seed).integers(size, size=(items, num_codebooks))


def test_perplexity_counts_the_codes_in_even_use():
    counts = np.array([[5, 5, 5, 5], [9, 0, 0, 0], [7, 0, 7, 0]])
    np.testing.assert_allclose(perplexity(counts), [4, 1, 2])


def test_perplexity_of_a_codebook_without_use_is_undefined():
    np.testing.assert_array_equal(perplexity(np.zeros([2, 3])), [np.nan, np.nan])


def test_uses_are_counted_by_codebook():
    counts = code_usage(np.array([[0, 2], [0, 1], [3, 2]]), 4)
    assert counts.tolist() == [[2, 0, 0, 1], [0, 1, 2, 0]]


def test_figures_computed_by_hand():
    codes = np.array([[0, 1], [0, 1], [3, 1], [0, 2]])
    uneven = math.exp(0.75 * math.log(4 / 3) + 0.25 * math.log(4))
    found = measure_codes(codes, 4)
    assert found.items == 4
    assert found.usage == (0.5, 0.5)
    assert found.perplexity == pytest.approx((uneven, uneven))
    assert found.dead_codes == (2, 2)
    assert found.unique_codes == 0.5  # the tuples (3, 1) and (0, 2)
    assert found.distinct_tuples == 3
    assert found.mean_bucket == pytest.approx(4 / 3)
    assert found.largest_bucket == 2
    assert found.items_by_bucket == (2, 2)


def test_nmi_computed_by_hand():
    codes = np.array([[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 1, 1]])
    # Entropies: ln 2, 0.75 ln 4/3 + 0.25 ln 4, ln 2; jointly 1.5 ln 2 for a pair with
    # the second, 2 ln 2 for the first and third, which say nothing of one another.
    half, quarter = math.log(2), 0.75 * math.log(4 / 3) + 0.25 * math.log(4)
    some = (half + quarter - 1.5 * half) / ((half + quarter) / 2)
    found = measure_codes(codes, 2)
    np.testing.assert_allclose(
        found.pairwise_nmi, [[1, some, 0], [some, 1, some], [0, some, 1]], atol=1e-12
    )
    assert found.mean_nmi == pytest.approx(2 * some / 3)


@pytest.mark.parametrize("table_pairs", [2**22, 0])
@pytest.mark.parametrize("size", [4, 300])
def test_nmi_equals_scikit_learns(size, table_pairs, monkeypatch):
    monkeypatch.setattr(code_statistics, "_TABLE_PAIRS", table_pairs)
    codes = random_codes(size=size)
    codes[:, 2] = codes[:, 0] // 2
    found = np.array(measure_codes(codes, size).pairwise_nmi)
    for a, b in itertools.product(range(3), repeat=2):
        expected = normalized_mutual_info_score(codes[:, a], codes[:, b])
        assert found[a, b] == pytest.approx(expected, abs=1e-12)
    assert found[0, 2] > found[0, 1] + 0.1


def test_buckets_are_put_in_order_of_size():
    sizes = [1, 1, 2, 3, 3, 4, 7, 8]
    codes = np.repeat(np.arange(len(sizes)), sizes)[:, np.newaxis]
    found = measure_codes(np.random.default_rng(0).permutation(codes), 8)
    assert found.items_by_bucket == (2, 8, 11, 8)
    assert found.largest_bucket == 8
    assert found.unique_codes == pytest.approx(2 / 29)


@settings(max_examples=50, deadline=None)
@given(
    npst.arrays(
        np.int64,
        st.tuples(st.integers(1, 40), st.integers(1, 4)),
        elements=st.sampled_from([0, 1, 255, 256, 257, 65_536]),
    )
)
def test_buckets_are_the_distinct_rows(codes):
    _, sizes = np.unique(codes, axis=0, return_counts=True)
    found = measure_codes(codes, 65_537)
    assert found.distinct_tuples == len(sizes)
    assert found.largest_bucket == sizes.max()
    assert found.unique_codes == np.sum(sizes == 1) / len(codes)
    assert sum(found.items_by_bucket) == len(codes)


@settings(max_examples=30, deadline=None)
@given(code_sets, st.randoms(use_true_random=False))
def test_the_names_of_codes_do_not_matter(codes, random):
    renamed = codes.copy()
    for column in renamed.T:
        column[:] = np.array(random.sample(range(6), 6))[column]
    one, other = measure_codes(codes, 6), measure_codes(renamed, 6)
    for name, value in vars(one).items():
        expected = None if value is None else pytest.approx(np.array(value), abs=1e-9)
        assert getattr(other, name) == expected


@settings(max_examples=30, deadline=None)
@given(code_sets)
def test_a_codebook_and_its_copy_have_nmi_one(codes):
    nmi = np.array(measure_codes(np.hstack([codes, codes]), 6).pairwise_nmi)
    np.testing.assert_allclose(np.diag(nmi, codes.shape[1]), 1)
    np.testing.assert_allclose(nmi, nmi.T)


def test_unrelated_codebooks_have_the_nmi_of_chance_and_copies_do_not():
    codes = random_codes(items=300, size=16)
    unrelated = measure_codes(codes, 16)
    assert unrelated.mean_nmi > 0.1
    assert unrelated.mean_nmi == pytest.approx(unrelated.chance_nmi, abs=0.02)
    copies = measure_codes(np.repeat(codes[:, :1], 3, axis=1), 16)
    assert copies.mean_nmi == pytest.approx(1)
    assert copies.chance_nmi == pytest.approx(unrelated.chance_nmi, abs=0.02)


def test_one_codebook_repeats_no_other():
    found = measure_codes(random_codes(num_codebooks=1), 8)
    assert found.pairwise_nmi == ((1.0,),)
    assert (found.mean_nmi, found.chance_nmi) == (None, None)


def test_one_item_has_figures():
    found = measure_codes(np.array([[2, 0]]), 4)
    assert found.items_by_bucket == (1,)
    assert found.perplexity == (1, 1)
    assert found.dead_codes == (3, 3)
    assert found.chance_nmi == 1  # a constant says all there is to say of another


def test_nmi_of_many_items_is_that_of_a_sample(monkeypatch):
    monkeypatch.setattr(code_statistics, "_NMI_ROWS", 400)
    codes = random_codes(items=4_000, num_codebooks=2, size=4)
    codes[2_000:, 1] = codes[2_000:, 0]
    found = measure_codes(codes, 4)
    whole = normalized_mutual_info_score(*codes.T)
    assert found.items == sum(found.items_by_bucket) == 4_000
    assert found.mean_nmi != pytest.approx(whole, rel=1e-6)
    # Those of one half have nothing in common, of the other all.
    assert found.mean_nmi == pytest.approx(whole, rel=0.35)
    assert measure_codes(codes, 4) == found


def test_codes_of_any_integer_type_are_the_same():
    codes = random_codes()
    assert measure_codes(codes.astype(np.uint8), 8) == measure_codes(codes, 8)


def test_stability_finds_codebooks_that_changed_place_and_names():
    codes = random_codes(num_codebooks=4, size=8)
    order = [2, 0, 3, 1]
    other = 7 - codes[:, order]
    found = measure_stability(codes, other)
    assert found.items == 500
    assert found.matches == (1, 3, 0, 2)  # where each codebook went
    assert found.mean_nmi == pytest.approx(1)
    assert found.mean_ami == pytest.approx(1)
    assert 0.01 < found.chance_nmi < 0.1
    assert found.nmi[0][0] == pytest.approx(
        normalized_mutual_info_score(codes[:, 0], other[:, 0])
    )


def test_matches_have_the_largest_sum_of_nmi():
    random = np.random.default_rng(1)
    common = random.integers(6, size=(200, 1))
    kept = random.random((2, 200, 3)) < [[[0.9, 0.8, 0.7]], [[0.8, 0.9, 0.6]]]
    codes, other = np.where(kept, common, random.integers(6, size=(2, 200, 3)))
    found = measure_stability(codes, other)
    nmi = np.array(found.nmi)
    best = max(
        itertools.permutations(range(3)), key=lambda order: nmi[range(3), order].sum()
    )
    assert found.matches == best
    assert found.mean_nmi == pytest.approx(nmi[range(3), best].mean())
    ami = [
        adjusted_mutual_info_score(codes[:, n], other[:, m]) for n, m in enumerate(best)
    ]
    assert found.mean_ami == pytest.approx(np.mean(ami))


def test_unrelated_code_sets_have_the_stability_of_chance():
    found = measure_stability(random_codes(size=16), random_codes(size=16, seed=1))
    assert found.mean_nmi > 0.05
    assert found.mean_nmi == pytest.approx(found.chance_nmi, abs=0.02)
    assert found.mean_ami == pytest.approx(0, abs=0.02)


def test_chance_is_matched_as_the_codes_are():
    codes, other = random_codes(size=16), random_codes(size=16, seed=1)
    dealt_out = np.random.default_rng(0).permutation(other)
    expected = measure_stability(codes, dealt_out).mean_nmi
    assert measure_stability(codes, other).chance_nmi == pytest.approx(expected)


@pytest.mark.parametrize(
    ("codes", "wrong"),
    [
        ([[0], [-1]], r"lie in \[0, 4\)\. Received: values from -1 to 0\. Leave out"),
        ([[0], [4]], r"lie in \[0, 4\)\. Received: values from 0 to 4"),
        ([0, 1], r"integers \[items, N\].*Received: int64 \[2\]"),
        ([[0.0]], r"integers \[items, N\].*Received: float64 \[1, 1\]"),
        (np.zeros([0, 2], int), r"at least one item.*Received: int64 \[0, 2\]"),
    ],
)
def test_bad_codes_are_named(codes, wrong):
    with pytest.raises(ValueError, match=wrong):
        measure_codes(np.array(codes), 4)


def test_code_sets_that_do_not_compare_are_named():
    with pytest.raises(ValueError, match=r"shapes \[500, 3\] and \[500, 2\]"):
        measure_stability(random_codes(), random_codes(num_codebooks=2))
    with pytest.raises(ValueError, match=r"at least 0\. Received: values from -1"):
        measure_stability(random_codes(), random_codes() - 1)


def test_importing_it_loads_neither_scikit_learn_nor_tensorflow():
    program = (
        "import sys, moc_tf.code_statistics; "
        "sys.exit(any(m in sys.modules for m in ('sklearn', 'scipy', 'tensorflow')))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


@settings(max_examples=30, deadline=None)
@given(code_sets)
def test_nmi_of_any_codes_equals_scikit_learns(codes):
    found = measure_codes(codes, 6).pairwise_nmi
    for a, b in itertools.combinations(range(codes.shape[1]), 2):
        expected = normalized_mutual_info_score(codes[:, a], codes[:, b])
        assert found[a][b] == pytest.approx(expected, abs=1e-12)


def test_nmi_is_one_only_where_each_codebook_tells_the_other():
    codes = np.array([[0, 0, 1, 2], [1, 0, 1, 2], [2, 1, 1, 2], [3, 1, 1, 2]])
    nmi = measure_codes(codes, 4).pairwise_nmi
    assert nmi[0][1] == pytest.approx(2 / 3)  # the first tells the second alone
    assert nmi[0][2] == 0
    assert nmi[2][3] == 1  # both are constant


def test_codes_too_large_for_a_table_of_pairs_have_nmi_too():
    codes = np.array([[0, 5], [2**40, 5], [0, 2**40], [2**40, 5]])
    found = measure_stability(codes, codes[:, ::-1])
    assert found.nmi[0][0] == pytest.approx(normalized_mutual_info_score(*codes.T))
