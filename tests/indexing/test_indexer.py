import numpy as np
import pytest
import tensorflow as tf

import moc_tf
from moc_tf.indexing import NotFittedError, make_indexer
from moc_tf.indexing.vector_batches import vector_batches


def in_batches(rows, size):
    return tf.data.Dataset.from_tensor_slices(rows).batch(size)


def test_codes_are_integers_below_the_codebook_size(indexer, codes, vectors):
    assert codes.dtype == np.int32
    assert codes.shape == (len(vectors), indexer.codes_per_item) == (300, 3)
    assert codes.min() >= 0
    assert codes.max() < indexer.codebook_size == 8
    assert all(len(np.unique(column)) > 4 for column in codes.T)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_codes_do_not_depend_on_the_batch(wide, on_the_border, size):
    expected = wide.encode(on_the_border)
    parts = [
        wide.encode(on_the_border[start : start + size])
        for start in range(0, 100, size)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    np.testing.assert_array_equal(
        wide.encode(in_batches(on_the_border, size)), expected
    )


def test_codes_do_not_depend_on_the_order(wide, on_the_border):
    order = np.random.default_rng(0).permutation(len(on_the_border))
    np.testing.assert_array_equal(
        wide.encode(on_the_border[order]), wide.encode(on_the_border)[order]
    )


def test_catalogues_larger_than_any_chunk_are_encoded_whole(indexer, codes, vectors):
    many = np.tile(vectors, (15, 1))  # 4,500 rows: two batches, five chunks
    np.testing.assert_array_equal(indexer.encode(many), np.tile(codes, (15, 1)))


@pytest.mark.parametrize(
    "same",
    [
        lambda v: v.astype(np.float16),
        lambda v: v.astype(np.float64),
        lambda v: v.tolist(),
        np.asfortranarray,
        tf.constant,
        lambda v: in_batches(v.astype(np.float16), 64),
        lambda v: iter([v[:100], v[100:100], v[100:]]),
    ],
)
def test_equal_values_have_equal_codes_in_any_container(indexer, codes, vectors, same):
    np.testing.assert_array_equal(indexer.encode(same(vectors)), codes)


def test_vectors_are_read_in_batches_none_of_them_empty(vectors):
    sizes = [len(batch) for batch in vector_batches(vectors, batch_size=128)]
    assert sizes == [128, 128, 44]
    batches = list(vector_batches(iter([vectors[:0], vectors[:9], vectors[9:9]])))
    assert len(batches) == 1
    np.testing.assert_array_equal(batches[0], vectors[:9])


def test_nothing_encodes_to_nothing(indexer):
    assert indexer.encode(np.zeros([0, 16], np.float32)).shape == (0, 3)
    assert indexer.decode(np.zeros([0, 3], np.int32)).shape == (0, 16)


def test_vectors_never_seen_have_codes_like_their_neighbours(indexer, codes, vectors):
    np.testing.assert_array_equal(indexer.encode(vectors + 1e-6), codes)


def test_decoded_vectors_have_the_error_that_quality_reports(indexer, codes, vectors):
    decoded = indexer.decode(codes)
    assert decoded.dtype == np.float32
    spread = np.sum((vectors - vectors.mean(axis=0)) ** 2)
    error = np.sum((vectors - decoded) ** 2) / spread
    quality = indexer.quality(vectors)
    assert quality.items == 300
    assert quality.relative_error == pytest.approx(error, rel=1e-5)
    counts = np.stack([np.bincount(column, minlength=8) for column in codes.T])
    assert quality.usage == tuple((counts > 0).mean(axis=1))
    assert indexer.quality(in_batches(vectors, 64)).relative_error == pytest.approx(
        error, rel=1e-5
    )


def test_decoding_a_code_does_not_depend_on_the_batch(wide, on_the_border):
    codes = wide.encode(on_the_border)
    decoded = wide.decode(codes)
    one_by_one = [wide.decode(codes[row : row + 1])[0] for row in range(20)]
    np.testing.assert_array_equal(one_by_one, decoded[:20])


def test_codes_decode_whatever_their_integer_type(indexer, codes):
    np.testing.assert_array_equal(
        indexer.decode(codes.astype(np.uint8)), indexer.decode(codes)
    )


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ([[0, 0, 8]], r"lie in \[0, 8\)\. Received: values from 0 to 8"),
        ([[0, -1, 0]], r"lie in \[0, 8\)\. Received: values from -1 to 0"),
        ([[0, 0]], r"integers \[items, 3\]\. Received: int64 \[1, 2\]"),
        ([0, 0, 0], r"integers \[items, 3\]\. Received: int64 \[3\]"),
        ([[0.0, 0.0, 0.0]], r"integers \[items, 3\]\. Received: float64 \[1, 3\]"),
    ],
)
def test_codes_that_cannot_be_decoded_raise(indexer, codes, message):
    with pytest.raises(ValueError, match=message):
        indexer.decode(codes)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_numbers_that_are_not_finite_raise_and_are_located(indexer, vectors, value):
    bad = vectors.astype(np.float64)
    bad[70, 3] = bad[75, 0] = value
    message = r"NaN or Inf in row 70, and in 2 rows"
    with pytest.raises(ValueError, match=message):
        indexer.encode(bad)
    with pytest.raises(ValueError, match=message):
        indexer.encode(in_batches(bad, 64))
    with pytest.raises(ValueError, match=message):
        make_indexer("moc").fit(bad)
    with pytest.raises(ValueError, match=message):
        indexer.quality(bad)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            np.zeros(16, np.float32),
            r"float array \[items, X\]\. Received: float32 \[16\]",
        ),
        (np.zeros([2, 3, 16]), r"Received: float64 \[2, 3, 16\]"),
        (np.zeros([4, 16], np.int64), r"float array .* Received: int64 \[4, 16\]"),
        (np.zeros([4, 0]), r"Received: float64 \[4, 0\]"),
        ([], r"Received: float64 \[0\]"),
        ([["a", "b"]], r"float array .* Received: <U1 \[1, 2\]"),
    ],
)
def test_what_is_no_float_matrix_raises(indexer, wrong, message):
    with pytest.raises(ValueError, match=message):
        indexer.encode(wrong)
    with pytest.raises(ValueError, match=message):
        make_indexer("moc").fit(wrong)


def test_vectors_of_another_width_raise(indexer):
    message = r"width that was fitted, 16\. Received: 15\."
    with pytest.raises(ValueError, match=message):
        indexer.encode(np.zeros([4, 15], np.float32))
    with pytest.raises(ValueError, match=message):
        indexer.encode(in_batches(np.zeros([4, 15], np.float32), 2))
    with pytest.raises(ValueError, match=message):
        indexer.quality(np.zeros([4, 15], np.float32))


def test_an_unknown_method_raises():
    with pytest.raises(
        ValueError, match=r"one of \[.*'moc'.*'vq'.*\].*Received: 'pqq'"
    ):
        make_indexer("pqq")


def test_an_unknown_option_raises():
    with pytest.raises(
        ValueError, match=r"'moc' has no option 'codebooksize', 'k'\. .*'codebook_size'"
    ):
        make_indexer("moc", k=3, codebooksize=4)


def test_vq_has_one_codebook():
    assert make_indexer("vq").codes_per_item == 1
    assert make_indexer("vq", num_codebooks=1).codes_per_item == 1
    with pytest.raises(ValueError, match=r"'vq' has one codebook.*num_codebooks=3"):
        make_indexer("vq", num_codebooks=3)


def test_before_fit_there_are_no_codes(tmp_path):
    indexer = make_indexer("moc")
    for use in (
        lambda: indexer.encode(np.zeros([1, 4], np.float32)),
        lambda: indexer.decode(np.zeros([1, 7], np.int32)),
        lambda: indexer.quality(np.zeros([1, 4], np.float32)),
        lambda: indexer.save(tmp_path / "indexer"),
    ):
        with pytest.raises(NotFittedError, match=r"'moc' indexer .* call fit"):
            use()
    assert not (tmp_path / "indexer").exists()
    assert "not fitted" in repr(indexer)


def test_a_description_tells_what_made_the_codes(indexer):
    description = indexer.describe()
    assert description["method"] == "moc"
    assert description["configuration"]["seed"] == 0
    assert description["configuration"]["hidden_units"] == (32,)
    assert description["input_dim"] == indexer.input_dim == 16
    assert (description["codes_per_item"], description["codebook_size"]) == (3, 8)
    assert description["fit"]["items"] == 300
    assert description["versions"]["moc_tf"] == moc_tf.__version__
    assert description["versions"]["tensorflow"] == tf.__version__
    assert "X=16" in repr(indexer)
