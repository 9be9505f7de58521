"""What every method of `indexing_methods()` keeps, by tiny fits of each."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from moc_tf.indexing import (
    Indexer,
    NotFittedError,
    indexing_methods,
    load_indexer,
    make_indexer,
)

TRAINING = {
    "codebook_dim": 4,
    "hidden_units": (16,),
    "epochs": 4,
    "batch_size": 64,
    "learning_rate": 1e-2,
}
# What makes each method quick. A method without an entry here fails these tests.
TINY = {
    "vq": TRAINING,
    "moc": {**TRAINING, "num_codebooks": 3},
    "me": {**TRAINING, "num_codebooks": 3},
    "rq_vae": {**TRAINING, "num_codebooks": 3},
    "pq": {"num_codebooks": 3, "kmeans_iterations": 4},
    "opq": {"num_codebooks": 3, "kmeans_iterations": 4, "rotation_iterations": 2},
    "rq_kmeans": {"num_codebooks": 3, "kmeans_iterations": 2},
    "rq_gmm": {"num_codebooks": 3, "em_iterations": 4},
    "random": {"num_codebooks": 3},
}
WITHOUT_VECTORS = {"random"}  # codes that stand for none

# Fitted over and over here; fits in epochs take seconds each, and have such tests in
# test_autoencoder_indexer.py.
IN_ONE_PIECE = ["opq", "pq", "random", "rq_gmm", "rq_kmeans"]
in_one_piece = pytest.mark.parametrize("quick", IN_ONE_PIECE)


def make(method: str, **options) -> Indexer:
    return make_indexer(method, codebook_size=8, **{**TINY[method], **options})


@pytest.fixture(scope="module", params=indexing_methods())
def method(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def indexer(method, vectors) -> Indexer:
    return make(method).fit(vectors)


@pytest.fixture(scope="module")
def codes(indexer, vectors):
    return indexer.encode(vectors)


def test_codes_are_integers_below_the_codebook_size(indexer, codes):
    assert codes.dtype == np.int32
    assert codes.shape == (300, indexer.codes_per_item)
    assert codes.min() >= 0
    assert codes.max() < indexer.codebook_size == 8
    assert all(len(np.unique(column)) > 2 for column in codes.T)


def test_a_code_depends_on_its_vector_alone(indexer, codes, vectors):
    order = np.random.default_rng(0).permutation(300)
    np.testing.assert_array_equal(indexer.encode(vectors[order]), codes[order])
    parts = [indexer.encode(vectors[start : start + 7]) for start in range(0, 300, 7)]
    np.testing.assert_array_equal(np.concatenate(parts), codes)
    many = np.tile(vectors, (15, 1))  # 4,500 rows: two batches, five chunks
    np.testing.assert_array_equal(indexer.encode(many), np.tile(codes, (15, 1)))


@pytest.mark.parametrize("quick", sorted({*IN_ONE_PIECE} - WITHOUT_VECTORS))
def test_the_last_bit_does_not_depend_on_the_batch(quick):
    """Wide vectors as close as float32 gets to where one of their codes changes."""
    random = np.random.default_rng(0)
    left, right = random.normal(size=(2, 30, 256)).astype(np.float32)
    indexer = make(quick).fit(np.concatenate([left, right]))
    start = indexer.encode(left)
    for _ in range(30):
        middle = (left + right) / 2
        same = (indexer.encode(middle) == start).all(axis=1, keepdims=True)
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    border = np.concatenate([left, right])
    expected = indexer.encode(border)
    np.testing.assert_array_equal(indexer.encode(border[::-1]), expected[::-1])
    one_by_one = [indexer.encode(row[np.newaxis])[0] for row in border]
    np.testing.assert_array_equal(one_by_one, expected)


def test_equal_values_have_equal_codes_in_any_container(
    indexer, codes, vectors, tmp_path
):
    np.save(tmp_path / "vectors.npy", vectors)
    data = tf.data.Dataset.from_tensor_slices(vectors.astype(np.float16)).batch(64)
    for same in (
        vectors.astype(np.float16),
        vectors.astype(np.float64),
        np.asfortranarray(vectors),
        np.load(tmp_path / "vectors.npy", mmap_mode="r"),
        data,
    ):
        np.testing.assert_array_equal(indexer.encode(same), codes)


@in_one_piece
def test_the_container_of_the_fitted_vectors_is_no_matter(quick, vectors, tmp_path):
    expected = make(quick).fit(vectors).encode(vectors)
    half = vectors.astype(np.float16)
    np.save(tmp_path / "vectors.npy", half)
    for same in (half, np.load(tmp_path / "vectors.npy", mmap_mode="r")):
        np.testing.assert_array_equal(make(quick).fit(same).encode(vectors), expected)


@in_one_piece
def test_a_data_set_can_be_fitted(quick, vectors):
    data = tf.data.Dataset.from_tensor_slices(vectors).batch(4096)
    indexer = make(quick).fit(data)
    assert indexer.describe()["fit"]["items"] == 300
    expected = make(quick).fit(vectors).encode(vectors)
    np.testing.assert_array_equal(indexer.encode(vectors), expected)


@in_one_piece
def test_the_seed_decides_the_codes(quick, vectors):
    one, same, other = (
        make(quick, seed=seed).fit(vectors).encode(vectors)
        for seed in (2**40, 2**40, 2**40 + 1)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_vectors_never_seen_are_encoded(indexer, vectors):
    random = np.random.default_rng(7)
    unseen = vectors[:50] + random.normal(0, 0.05, (50, 16)).astype(np.float32)
    codes = indexer.encode(unseen)
    assert codes.shape == (50, indexer.codes_per_item)
    assert codes.min() >= 0
    assert codes.max() < 8


def test_codes_decode_to_vectors_or_say_why_not(method, indexer, codes, vectors):
    if method in WITHOUT_VECTORS:
        with pytest.raises(ValueError, match=rf"{method!r} stand for no vectors"):
            indexer.decode(codes)
        return
    decoded = indexer.decode(codes)
    assert decoded.dtype == np.float32
    assert decoded.shape == vectors.shape
    spread = np.sum(np.square(vectors - vectors.mean(axis=0)))
    assert np.sum(np.square(vectors - decoded)) < spread
    np.testing.assert_array_equal(indexer.decode(codes[5:6])[0], decoded[5])


def test_a_loaded_indexer_is_the_saved_one(indexer, codes, vectors, tmp_path):
    indexer.save(tmp_path / "indexer")
    loaded = load_indexer(tmp_path / "indexer")
    assert type(loaded) is type(indexer)
    assert loaded.config == indexer.config
    assert loaded.describe() == indexer.describe()
    np.testing.assert_array_equal(loaded.encode(vectors), codes)
    np.testing.assert_array_equal(loaded.encode(vectors[:7]), codes[:7])


@in_one_piece
def test_one_codebook_is_enough(quick, vectors):
    indexer = make(quick, num_codebooks=1).fit(vectors)
    codes = indexer.encode(vectors)
    assert codes.shape == (300, 1)
    assert len(np.unique(codes)) > 2


@in_one_piece
def test_a_fit_replaces_the_one_before_it(quick, vectors):
    indexer = make(quick, num_codebooks=1).fit(vectors)
    narrower = vectors[:100, :10]
    expected = make(quick, num_codebooks=1).fit(narrower).encode(narrower)
    np.testing.assert_array_equal(indexer.fit(narrower).encode(narrower), expected)
    assert indexer.input_dim == 10


def test_fewer_items_than_codes_raise(method, vectors):
    with pytest.raises(ValueError, match=r"codes in a codebook, 8\. Received: 7 items"):
        make(method).fit(vectors[:7])


@pytest.mark.parametrize(
    "bad", [{"seed": -1}, {"codebook_size": 1}, {"num_codebooks": 0}, {"seed": 0.5}]
)
def test_bad_options_raise_in_the_constructor(method, bad):
    ((name, value),) = bad.items()
    # "vq" has its own sentence for any number of codebooks but one.
    with pytest.raises(ValueError, match=rf"Received: .*{value}\.$"):
        make_indexer(method, **bad)
    with pytest.raises(ValueError, match=rf"{method!r} has no option 'codebook'"):
        make_indexer(method, codebook=name)


def test_every_option_is_described(indexer):
    assert indexer.describe()["configuration"] == dataclasses.asdict(indexer.config)


def test_codebooks_hold_the_vectors_that_codes_stand_for(method, indexer, vectors):
    if method in WITHOUT_VECTORS:
        with pytest.raises(ValueError, match=rf"{method!r} stand for no vectors"):
            _ = indexer.codebooks
        return
    codebooks = indexer.codebooks
    assert codebooks.dtype == np.float32
    assert codebooks.shape[:2] == (indexer.codes_per_item, 8)
    with pytest.raises(NotFittedError):
        _ = make(method).codebooks
    if method in IN_ONE_PIECE:
        # Decoding is linear: a vector moves as far as that of the code which changes.
        codes = np.zeros((8, 3), np.int32)
        codes[:, 1] = np.arange(8)
        decoded = indexer.decode(codes)
        moved = np.linalg.norm(decoded - decoded[0], axis=1)
        expected = np.linalg.norm(codebooks[1] - codebooks[1][0], axis=1)
        scale = np.linalg.norm(moved) / np.linalg.norm(expected)
        np.testing.assert_allclose(moved, scale * expected, rtol=1e-3)


@pytest.mark.parametrize("quick", ["pq", "opq"])
def test_codebooks_of_slices_are_equally_wide(quick, vectors):
    # 16 dimensions in three slices: the second and third are shorter by one.
    codebooks = make(quick).fit(vectors).codebooks
    assert codebooks.shape == (3, 8, 6)
    padded = not codebooks[1:, :, 5].any()
    assert padded == (quick == "pq")


def test_codebooks_of_cosine_have_unit_length(vectors):
    indexer = make("vq", distance="cosine", epochs=1).fit(vectors)
    norms = np.linalg.norm(indexer.codebooks, axis=-1)
    np.testing.assert_allclose(norms, 1, atol=1e-5)


def test_an_iterator_cannot_be_fitted(method, vectors):
    with pytest.raises(ValueError, match=r"array .* or a tf.data.*Received: list_iter"):
        make(method).fit(iter([vectors]))
