import json
import tracemalloc

import numpy as np
import pytest

from moc_tf.code_statistics import measure_codes
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
    result = quality(slice(None))
    assert result.items == 4
    assert result.relative_error == pytest.approx(3 / 8)
    # All three others are neighbours in both spaces.
    assert result.neighbour_recall == pytest.approx(1)
    assert (result.chance_recall, result.neighbour_items) == (1, 4)


def test_what_codes_alone_tell_is_among_them():
    result = quality(slice(None))
    expected = measure_codes(CODES, 4)
    assert {k: getattr(result, k) for k in vars(expected)} == vars(expected)


def test_batches_accumulate():
    whole, parts = quality(slice(None)), quality([0], [1, 2], [3])
    assert vars(parts) == {
        **vars(whole),
        "relative_error": pytest.approx(whole.relative_error),
        "neighbour_recall": pytest.approx(whole.neighbour_recall),
    }


def test_recall_tells_codes_of_the_vectors_from_others():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(500, 4)).astype(np.float32)
    codes = (vectors > 0).astype(np.int32)

    def recall(codes):
        accumulator = QualityAccumulator(2)
        accumulator.add(vectors, codes, None)
        return accumulator.result().neighbour_recall

    assert recall(codes) > 0.15
    assert recall(random.permutation(codes)) < 0.04
    assert recall(codes[:, :1]) < recall(codes)


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


@pytest.mark.parametrize("rows", [[0], [0, 1], slice(None)])
def test_it_becomes_json_without_nan(rows):
    accumulator = QualityAccumulator(4)
    accumulator.add(VECTORS[rows], CODES[rows, :1], None)
    result = accumulator.result()
    content = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert set(content) == set(vars(result))
    assert content["relative_error"] is None
    assert content["mean_nmi"] is None
    assert content["pairwise_nmi"] == [[1.0]]


def test_codes_that_cannot_be_decoded_have_no_relative_error():
    accumulator = QualityAccumulator(4)
    accumulator.add(VECTORS, CODES, DECODED)
    accumulator.add(VECTORS, CODES, None)
    assert accumulator.result().relative_error is None
    assert accumulator.result().items == 8


def test_an_indexer_that_does_not_decode_is_not_asked_to(indexer, vectors, monkeypatch):
    with_error = indexer.quality(vectors)

    def fail(codes):
        raise AssertionError("decoded")

    monkeypatch.setattr(type(indexer), "decodes", False)
    monkeypatch.setattr(indexer, "_decode", fail)
    without = indexer.quality(vectors)
    assert without.relative_error is None
    assert with_error.relative_error is not None
    assert without.neighbour_recall == with_error.neighbour_recall


def test_memory_holds_small_codes_and_a_sample_of_the_vectors(monkeypatch):
    monkeypatch.setattr("moc_tf.indexing.neighbour_recall._ITEMS", 50)
    random = np.random.default_rng(0)
    accumulator = QualityAccumulator(256)

    def batches():
        for _ in range(20):
            vectors = random.normal(size=(200, 64)).astype(np.float32)
            yield vectors, random.integers(256, size=(200, 3)).astype(np.int32)

    tracemalloc.start()
    for vectors, codes in batches():
        accumulator.add(vectors, codes, vectors)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # All vectors would take 1,024 kB, all codes in int32 48 kB.
    assert held < 160_000
    assert all(part.dtype == np.uint8 for part in accumulator._codes)
    assert accumulator.result().neighbour_items == 50


def test_nothing_has_no_quality():
    with pytest.raises(ValueError, match=r"at least one vector\. Received: none"):
        QualityAccumulator(4).result()


@pytest.mark.parametrize("rows", [1, 7])
def test_equal_vectors_have_no_relative_error(rows):
    accumulator = QualityAccumulator(4)
    vectors = np.full([rows, 3], 1 / 3, np.float32)
    for _ in range(3):
        accumulator.add(vectors, np.zeros([rows, 1], np.int32), vectors + 0.1)
    assert accumulator.result().relative_error is None


def test_a_large_part_in_common_leaves_the_relative_error_as_it_is():
    accumulator = QualityAccumulator(4)
    for rows in ([0], [1, 2, 3]):
        common = np.full([len(rows), 1], 1e8, np.float32)
        accumulator.add(
            np.hstack([VECTORS[rows], common]),
            CODES[rows],
            np.hstack([DECODED[rows], common]),
        )
    assert accumulator.result().relative_error == pytest.approx(3 / 8)
