import tracemalloc

import numpy as np
import pytest

from moc_tf.indexing import uniform_sample
from moc_tf.indexing.uniform_sample import UniformSample

SIZES = [[], [50], [1, 2, 60], [9, 1, 1, 30, 0, 5], [1] * 99]


def sampled(size, sizes, rows=100, seed=3):
    numbers = np.arange(rows)
    sample = UniformSample(size, seed)
    for part in np.split(numbers, np.cumsum(sizes)):
        sample.add(part, part[:, np.newaxis] / 2)
    return sample


@pytest.mark.parametrize("size", [0, 1, 10, 99, 100, 1_000])
@pytest.mark.parametrize("sizes", SIZES)
def test_it_is_the_rows_of_the_smallest_keys(size, sizes):
    keys = np.random.default_rng(3).random(100)
    smallest = np.argsort(keys)[:size]
    sample = sampled(size, sizes)
    numbers, halves = sample.by_row()
    np.testing.assert_array_equal(numbers, np.sort(smallest))
    np.testing.assert_array_equal(halves, np.sort(smallest)[:, np.newaxis] / 2)
    np.testing.assert_array_equal(sample.by_key()[0], smallest)
    np.testing.assert_array_equal(sample.by_row()[0], np.sort(smallest))
    assert sample.rows == 100


@pytest.mark.parametrize("sizes", SIZES)
def test_of_equal_keys_the_earlier_rows_stay(sizes, monkeypatch):
    class Coarse:
        def __init__(self, seed):
            self._random = np.random.Generator(np.random.PCG64(seed))

        def random(self, number):
            return np.floor(5 * self._random.random(number))

    monkeypatch.setattr(uniform_sample.np.random, "default_rng", Coarse)
    keys = Coarse(3).random(100)
    for size in (1, 10, 50):
        kept = np.argsort(keys, kind="stable")[:size]
        sample = sampled(size, sizes)
        np.testing.assert_array_equal(sample.by_row()[0], np.sort(kept))


def test_it_may_be_read_before_it_is_complete():
    sample = UniformSample(10, seed=3)
    for part in np.split(np.arange(100), [4, 30, 90]):
        sample.add(part)
        sample.by_key()
    np.testing.assert_array_equal(sample.by_row()[0], sampled(10, []).by_row()[0])


def test_a_batch_takes_no_memory_for_the_sample():
    random = np.random.default_rng(0)
    vectors = random.random((20_000, 64))  # 10 MB
    sample = UniformSample(len(vectors), seed=0)
    sample.add(vectors)
    batch = vectors[:256]
    tracemalloc.start()
    sample.add(batch)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_size_that_no_memory_holds_is_not_reserved():
    sample = UniformSample(10**15, seed=0)
    sample.add(np.zeros([5, 64]))
    sample.add(np.ones([5, 64]))
    assert sample.by_row()[0].sum() == 5 * 64
