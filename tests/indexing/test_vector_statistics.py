import tracemalloc

import numpy as np
import pytest

from moc_tf.indexing.vector_statistics import VectorStatistics


def gather(vectors, sizes, sample_size=10, seed=0):
    statistics = VectorStatistics(sample_size, seed)
    for batch in np.split(vectors, np.cumsum(sizes)):
        statistics.add(batch)
    return statistics


def random_vectors(rows=100, offset=0.0):
    random = np.random.default_rng(0)
    return (offset + random.normal(size=(rows, 3))).astype(np.float32)


@pytest.mark.parametrize("sizes", [[], [50], [1, 2, 60]])
@pytest.mark.parametrize("offset", [0.0, 1_000.0])
def test_mean_and_scale_equal_numpys(sizes, offset):
    vectors = random_vectors(offset=offset)
    statistics = gather(vectors, sizes)
    exact = vectors.astype(np.float64)
    assert (statistics.rows, statistics.width) == vectors.shape
    np.testing.assert_allclose(statistics.mean, exact.mean(axis=0), rtol=1e-6)
    centred = exact - exact.mean(axis=0)
    assert statistics.scale == pytest.approx(np.sqrt(np.mean(centred**2)), rel=1e-9)


@pytest.mark.parametrize("value", [0.0, 1 / 3, 1e6])
def test_equal_vectors_have_scale_one(value):
    statistics = gather(np.full([1_000, 8], value, np.float32), [10, 300])
    assert statistics.scale == 1.0
    np.testing.assert_array_equal(statistics.mean, np.full(8, value, np.float32))


def test_the_sample_is_all_rows_where_they_are_few():
    vectors = random_vectors(10)
    np.testing.assert_array_equal(gather(vectors, [4]).sample, vectors)


def test_the_sample_does_not_depend_on_the_batches():
    vectors = random_vectors()
    sample = gather(vectors, []).sample
    assert len(sample) == 10
    for sizes in ([50], [3, 3, 3, 80], [99]):
        np.testing.assert_array_equal(gather(vectors, sizes).sample, sample)


def test_the_sample_depends_on_the_seed():
    vectors = random_vectors()
    one, other = (gather(vectors, [30], seed=seed).sample for seed in (0, 1))
    assert (one != other).any()


def test_every_row_is_as_likely_to_be_sampled():
    rows = np.arange(40, dtype=np.float32)[:, np.newaxis]
    drawn = np.concatenate(
        [gather(rows, [5, 20], seed=seed).sample[:, 0] for seed in range(400)]
    )
    counts = np.bincount(drawn.astype(int), minlength=40)
    # Binomial(400, 1/4): mean 100, standard deviation 8.7.
    assert counts.min() > 60
    assert counts.max() < 140


def test_half_precision_vectors_become_single():
    vectors = random_vectors().astype(np.float16)
    statistics = gather(vectors, [50])
    same = gather(vectors.astype(np.float32), [50])
    assert statistics.sample.dtype == np.float32
    np.testing.assert_array_equal(statistics.sample, same.sample)
    assert statistics.scale == same.scale


@pytest.mark.parametrize("sizes", [[], [50], [1, 2, 60], [7, 30, 5, 5, 5, 5]])
@pytest.mark.parametrize("seed", [0, 7])
def test_the_sample_is_the_rows_of_the_smallest_keys_in_their_order(sizes, seed):
    vectors = random_vectors()
    keys = np.random.default_rng(seed).random(len(vectors))
    kept = np.sort(np.argsort(keys, kind="stable")[:20])
    sample = gather(vectors, sizes, sample_size=20, seed=seed).sample
    assert sample.tobytes() == vectors[kept].tobytes()


def test_a_batch_takes_no_memory_for_the_sample():
    vectors = np.random.default_rng(0).random((20_000, 64), np.float32)  # 5 MB
    statistics = gather(vectors, [10_000], sample_size=20_000)
    tracemalloc.start()
    statistics.add(vectors[:256])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
