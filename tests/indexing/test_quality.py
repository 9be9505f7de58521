import math

import numpy as np
import pytest

from moc_tf.indexing import CodeQuality, perplexity
from moc_tf.indexing.quality import QualityAccumulator

VECTORS = np.float32([[0, 0], [2, 0], [0, 2], [2, 2]])  # squares around (1, 1): 8
CODES = np.int32([[0, 1], [0, 1], [3, 1], [0, 2]])
DECODED = np.float32([[0, 0], [2, 1], [0, 2], [1, 1]])  # squared errors: 0 1 0 2


def quality(*batches, codebook_size=4):
    accumulator = QualityAccumulator(codebook_size)
    for rows in batches:
        accumulator.add(VECTORS[rows], CODES[rows], DECODED[rows])
    return accumulator.result()


def test_figures_computed_by_hand():
    uneven = math.exp(0.75 * math.log(4 / 3) + 0.25 * math.log(4))
    result = quality(slice(None))
    assert result.items == 4
    assert result.relative_error == pytest.approx(3 / 8)
    assert result.usage == (0.5, 0.5)
    assert result.perplexity == pytest.approx((uneven, uneven))
    assert result.unique_codes == 0.5  # the codes (3, 1) and (0, 2)


def test_batches_accumulate():
    whole, parts = quality(slice(None)), quality([0], [1, 2], [3])
    assert parts == CodeQuality(
        whole.items,
        pytest.approx(whole.relative_error),
        whole.usage,
        pytest.approx(whole.perplexity),
        whole.unique_codes,
    )


def test_the_mean_vector_has_error_one_wherever_the_vectors_lie():
    vectors = (100 + np.random.default_rng(0).normal(size=(50, 3))).astype(np.float32)
    mean = np.tile(vectors.mean(axis=0, dtype=np.float64), (50, 1))
    accumulator = QualityAccumulator(2)
    accumulator.add(vectors, np.zeros([50, 1], np.int32), mean)
    assert accumulator.result().relative_error == pytest.approx(1, rel=1e-6)


def test_half_precision_vectors_are_not_squared_in_half_precision():
    vectors = np.float16([[300], [-300]])  # 300² is Inf in float16
    accumulator = QualityAccumulator(2)
    accumulator.add(vectors, np.int32([[0], [1]]), np.float32([[290], [-300]]))
    assert accumulator.result().relative_error == pytest.approx(100 / 180_000)


def test_perplexity_counts_the_codes_in_even_use():
    counts = np.array([[5, 5, 5, 5], [9, 0, 0, 0], [7, 0, 7, 0]])
    np.testing.assert_allclose(perplexity(counts), [4, 1, 2])


def test_perplexity_of_a_codebook_without_use_is_undefined():
    np.testing.assert_array_equal(perplexity(np.zeros([2, 3])), [np.nan, np.nan])


def test_it_becomes_json():
    content = quality(slice(None)).to_json()
    assert content["relative_error"] == pytest.approx(3 / 8)
    assert set(content) == {
        "items",
        "relative_error",
        "usage",
        "perplexity",
        "unique_codes",
    }


def test_nothing_has_no_quality():
    with pytest.raises(ValueError, match=r"at least one vector\. Received: none"):
        QualityAccumulator(4).result()


@pytest.mark.parametrize("rows", [1, 7])
def test_equal_vectors_have_no_relative_error(rows):
    accumulator = QualityAccumulator(4)
    vectors = np.full([rows, 3], 1 / 3, np.float32)
    accumulator.add(vectors, np.zeros([rows, 1], np.int32), vectors + 0.1)
    with pytest.raises(ValueError, match=rf"are equal. Received: {rows}"):
        accumulator.result()
