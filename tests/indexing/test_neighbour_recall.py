import itertools

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from moc_tf.indexing import neighbour_recall as module
from moc_tf.indexing.neighbour_recall import NeighbourSample, neighbour_recall

small_grids = npst.arrays(
    np.float32, st.tuples(st.just(5), st.integers(1, 2)), elements=st.integers(0, 2)
)
small_codes = npst.arrays(
    np.int32, st.tuples(st.just(5), st.integers(1, 3)), elements=st.integers(0, 1)
)


def recall(vectors, codes, neighbours):
    return neighbour_recall(
        np.asarray(vectors, np.float32),
        np.asarray(codes),
        np.arange(len(vectors)),
        neighbours,
    )


def random_catalogue(items=400, width=8, num_codebooks=3, size=6):
    random = np.random.default_rng(0)
    vectors = random.normal(size=(items, width)).astype(np.float32)
    return vectors, random.integers(size, size=(items, num_codebooks))


def test_recall_computed_by_hand():
    vectors = [[0], [1], [3], [7]]  # nearest: 1, 0, 1, 2
    codes = [[0], [0], [1], [1]]  # share a code: 1, 0, 3, 2
    assert recall(vectors, codes, 1) == 3 / 4


def test_ties_count_in_expectation():
    vectors = [[0], [1], [3], [7]]
    # Of item 0, each of the three others is nearest by codes in a third of the cases.
    assert recall(vectors, [[0]] * 4, 1) == pytest.approx(1 / 3)
    # Item 1's neighbours are 0 and, of 2 alone, half the time 0 and half the time 2.
    vectors = [[0], [2], [4]]
    codes = [[0, 0], [0, 1], [1, 1]]
    # Nearest: 1; 0 or 2; 1. By codes: 1; 0 or 2; 1.
    assert recall(vectors, codes, 1) == pytest.approx((1 + 1 / 2 + 1) / 3)


@settings(max_examples=15, deadline=None)
@given(small_grids, small_codes, st.integers(1, 4))
def test_ties_equal_the_mean_over_all_orders(vectors, codes, neighbours):
    distances = ((vectors[:, np.newaxis] - vectors) ** 2).sum(axis=-1)
    differing = (codes[:, np.newaxis] != codes).sum(axis=-1)
    found = 0
    for query in range(5):
        others = [item for item in range(5) if item != query]
        orders = list(itertools.permutations(others))

        def nearest(by, orders=orders):
            return [set(sorted(o, key=by.__getitem__)[:neighbours]) for o in orders]

        pairs = itertools.product(nearest(distances[query]), nearest(differing[query]))
        found += sum(len(a & b) for a, b in pairs) / len(orders) ** 2
    assert recall(vectors, codes, neighbours) == pytest.approx(found / 5 / neighbours)


def test_neighbours_are_those_of_an_exact_search():
    vectors, codes = random_catalogue()
    index = faiss.IndexFlatL2(vectors.shape[1])
    index.add(vectors)
    _, nearest = index.search(vectors, 11)
    found = 0
    for query, row in enumerate(nearest):
        assert row[0] == query
        differing = (codes != codes[query]).sum(axis=1).astype(float)
        differing[query] = np.inf
        tenth = np.sort(differing)[9]
        nearer, tied = differing < tenth, differing == tenth
        chance = nearer + tied * (10 - nearer.sum()) / tied.sum()
        found += chance[row[1:]].sum() / 10
    assert recall(vectors, codes, 10) == pytest.approx(found / len(vectors))


def test_codes_of_clusters_as_large_as_the_neighbourhood_recall_all():
    random = np.random.default_rng(0)
    clusters = np.repeat(np.arange(20), 11)
    vectors = 100 * random.normal(size=(20, 4))[clusters] + random.normal(size=(220, 4))
    assert recall(vectors, clusters[:, np.newaxis], 10) == 1
    assert recall(vectors, clusters[:, np.newaxis] // 2, 10) == pytest.approx(10 / 21)


def test_random_codes_recall_what_chance_gives():
    vectors, codes = random_catalogue(items=2_000)
    chance = 10 / 1_999
    # Of 2,000 queries, the standard deviation is about a tenth of it.
    assert recall(vectors, codes, 10) == pytest.approx(chance, rel=0.5)
    assert recall(vectors, vectors > 0, 10) > 10 * chance
    assert recall(vectors, np.zeros([2_000, 1]), 10) == pytest.approx(chance)


@settings(max_examples=20, deadline=None)
@given(small_grids, small_codes, st.permutations(range(5)), st.integers(1, 4))
def test_the_order_of_items_and_the_names_of_codes_do_not_matter(
    vectors, codes, order, neighbours
):
    expected = recall(vectors, codes, neighbours)
    permuted = recall(vectors[order], 7 - codes[order], neighbours)
    assert permuted == pytest.approx(expected)


def test_equal_vectors_are_equally_near_wherever_they_stand():
    vectors, codes = random_catalogue(items=60, width=100)
    vectors[10:50] = vectors[10]  # 40 times the same
    order = np.random.default_rng(1).permutation(60)
    expected = recall(vectors, codes, 10)
    assert recall(vectors[order], codes[order], 10) == pytest.approx(expected)
    # An item of the 40 has 39 nearest, of which ten are drawn; codes know nothing.
    equal = recall(np.ones([60, 3]), codes, 10)
    assert equal == pytest.approx(10 / 59)


@pytest.mark.parametrize(
    ("scale", "offset"), [(1, 2**20), (2.0**-100, 0), (2.0**100, 0), (0.5, -1_000)]
)
def test_neither_unit_nor_offset_matters(scale, offset):
    _, codes = random_catalogue()
    # On a grid that float32 keeps at the offset, and so with many ties.
    vectors = np.random.default_rng(3).integers(-4, 5, size=(400, 8)) / 8
    assert recall(vectors * scale + offset, codes, 10) == pytest.approx(
        recall(vectors, codes, 10)
    )


@pytest.mark.parametrize("block", [1, 1_000, 10**9])
def test_how_many_distances_are_held_does_not_matter(monkeypatch, block):
    vectors, codes = random_catalogue()
    expected = recall(vectors, codes, 10)
    monkeypatch.setattr(module, "_BLOCK_VALUES", block)
    assert recall(vectors, codes, 10) == pytest.approx(expected)


def sampled(vectors, codes, sizes, size=None):
    sample = NeighbourSample(size)
    cuts = np.cumsum(sizes)
    for part in zip(np.split(vectors, cuts), np.split(codes, cuts), strict=True):
        sample.add(*part)
    return sample


def test_few_items_are_all_compared():
    vectors, codes = random_catalogue()
    found = sampled(vectors, codes, [100]).recall()
    assert found.items == 400
    assert found.chance == 10 / 399
    assert found.recall == pytest.approx(recall(vectors, codes, 10))


@pytest.mark.parametrize("sizes", [[1, 2, 200], [399], [50, 50]])
def test_the_sample_does_not_depend_on_the_batches(sizes):
    vectors, codes = random_catalogue()
    whole = sampled(vectors, codes, [], size=100).recall()
    assert whole.items == 100
    assert sampled(vectors, codes, sizes, size=100).recall() == whole
    assert whole.recall != pytest.approx(recall(vectors, codes, 10))


def test_a_sampled_item_keeps_its_codes():
    codes = np.arange(600)[:, np.newaxis] // 20
    vectors = np.hstack([codes, codes]).astype(np.float32)
    assert recall(vectors, codes, 10) == pytest.approx(10 / 19)  # ties, both times
    found = sampled(vectors, codes, [7, 100, 3], size=300).recall()
    assert found.items == 300
    assert found.recall > 0.5


def test_every_item_is_as_likely_to_be_sampled(monkeypatch):
    rows = np.arange(40, dtype=np.float32)[:, np.newaxis]
    drawn = []
    for seed in range(300):
        monkeypatch.setattr(module, "_SEED", seed)
        sample = sampled(rows, rows.astype(int), [5, 20], size=10)
        vectors, _ = sample._sample.by_key()
        assert vectors.shape == (10, 1)
        drawn.append(vectors[:, 0])
    counts = np.bincount(np.concatenate(drawn).astype(int), minlength=40)
    # Binomial(300, 1/4): mean 75, standard deviation 7.5.
    assert counts.min() > 42
    assert counts.max() < 108


def test_at_most_a_thousand_items_are_queries(monkeypatch):
    seen = []

    def count(vectors, codes, queries, neighbours):
        seen.append((len(vectors), len(np.unique(queries)), neighbours))
        return 0.5

    monkeypatch.setattr(module, "neighbour_recall", count)
    vectors, codes = random_catalogue(items=1_500)
    assert sampled(vectors, codes, []).recall().recall == 0.5
    assert seen == [(1_500, 1_000, 10)]


def test_wide_vectors_have_a_smaller_sample(monkeypatch):
    monkeypatch.setattr(module, "_SAMPLE_VALUES", 800)
    vectors, codes = random_catalogue(width=8)
    assert sampled(vectors, codes, [50]).recall().items == 100


@pytest.mark.parametrize(
    ("items", "expected"), [(1, (None, None, 1)), (2, (1, 1, 2)), (7, (1, 1, 7))]
)
def test_catalogues_smaller_than_a_neighbourhood(items, expected):
    vectors, codes = random_catalogue(items)
    found = sampled(vectors, codes, []).recall()
    assert (found.recall, found.chance, found.items) == pytest.approx(expected)
