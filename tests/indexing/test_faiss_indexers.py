import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf._artefact import read_artefact, write_artefact
from moc_tf.indexing import load_indexer, make_indexer

METHODS = ["pq", "opq", "rq_kmeans"]
QUICK = {
    "pq": {"kmeans_iterations": 5},
    "opq": {"kmeans_iterations": 5, "rotation_iterations": 3},
    "rq_kmeans": {"kmeans_iterations": 3},
}


def fitted(method, vectors, **options):
    return make_indexer(method, **{**QUICK[method], **options}).fit(vectors)


def random_vectors(rows=300, dim=10, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)


def relative_error(vectors, decoded):
    spread = np.sum(np.square(vectors - vectors.mean(axis=0)))
    return np.sum(np.square(vectors - decoded)) / spread


def with_state(method, input_dim, **arrays):
    """An indexer whose own units are the vectors' and whose centroids are given."""
    num_codebooks, codebook_size, _ = arrays["codebooks"].shape
    indexer = make_indexer(
        method, num_codebooks=num_codebooks, codebook_size=codebook_size
    )
    units = {"mean": np.zeros(input_dim, np.float32), "scale": np.ones((), np.float32)}
    indexer._set_arrays({**units, **arrays}, input_dim)
    return indexer


def test_pq_codes_each_slice_by_itself():
    codebooks = np.array([[[0, 0], [4, 4]], [[1, 0], [9, 0]]], np.float32)
    indexer = with_state("pq", 3, codebooks=codebooks)
    # Slices (3, 3) and (4): the second one's other column is zero.
    vectors = np.array([[3, 3, 4], [1, 1, 6], [2, 2, 5]], np.float32)
    codes = [[1, 0], [0, 1], [0, 0]]  # the last one's ties go to the lowest code
    np.testing.assert_array_equal(indexer.encode(vectors), codes)
    np.testing.assert_array_equal(
        indexer.decode(np.array(codes)), [[4, 4, 1], [0, 0, 9], [0, 0, 1]]
    )


def test_opq_rotates_before_it_slices_and_back_afterwards():
    rotation = np.array([[0, 1], [-1, 0]], np.float32)
    codebooks = np.array([[[0], [5]], [[0], [7]]], np.float32)
    indexer = with_state("opq", 2, rotation=rotation, codebooks=codebooks)
    vectors = np.array([[-6, 0], [0, 6]], np.float32)  # rotated: (0, 6) and (6, 0)
    np.testing.assert_array_equal(indexer.encode(vectors), [[0, 1], [1, 0]])
    np.testing.assert_array_equal(
        indexer.decode(np.array([[0, 1], [1, 0]])), [[-7, 0], [0, 5]]
    )


def test_rq_kmeans_codes_what_earlier_levels_have_left():
    codebooks = np.array([[[0, 0], [10, 0]], [[0, 0], [-1, 2]]], np.float32)
    indexer = with_state("rq_kmeans", 2, codebooks=codebooks)
    vectors = np.array([[9, 2], [-1, 2], [10, 0]], np.float32)
    codes = [[1, 1], [0, 1], [1, 0]]
    np.testing.assert_array_equal(indexer.encode(vectors), codes)
    np.testing.assert_array_equal(indexer.decode(np.array(codes)), vectors)


@pytest.mark.parametrize("method", ["pq", "rq_kmeans"])
def test_separate_clusters_are_coded_without_error(method):
    """Each slice is in one of two places, close to each other in one of them."""
    places = np.random.default_rng(0).integers(2, size=(200, 2))
    vectors = np.repeat(places, 3, axis=1) * np.float32([1, 1, 1, 0.1, 0.1, 0.1])
    indexer = fitted(method, vectors, num_codebooks=2, codebook_size=4)
    decoded = indexer.decode(indexer.encode(vectors))
    # faiss moves the centroids that it splits by a thousandth.
    np.testing.assert_allclose(decoded, vectors, atol=1e-3)


@pytest.mark.parametrize("method", ["pq", "opq"])
@pytest.mark.parametrize("num_codebooks", [3, 7, 10])
def test_dimensions_need_not_divide_by_the_codebooks(method, num_codebooks):
    vectors = random_vectors()
    indexer = fitted(method, vectors, num_codebooks=num_codebooks, codebook_size=16)
    decoded = indexer.decode(indexer.encode(vectors))
    assert decoded.shape == vectors.shape
    # Every codebook sees some of the vector, and none sees columns of zeros alone.
    codes = indexer.encode(vectors)
    assert all(len(np.unique(column)) == 16 for column in codes.T)
    assert indexer.quality(vectors).relative_error == pytest.approx(
        relative_error(vectors, decoded), rel=1e-4
    )
    assert relative_error(vectors, decoded) < 0.7


@pytest.mark.parametrize("method", ["pq", "opq"])
def test_more_codebooks_than_dimensions_raise(method):
    with pytest.raises(
        ValueError, match=r"at most the dimensions of a vector, 10\. Received: .*=11\."
    ):
        fitted(method, random_vectors(), num_codebooks=11, codebook_size=4)


def test_a_rotation_finds_what_slices_cut_apart():
    """Each factor lies across both slices, so that plain slices see all of them."""
    random = np.random.default_rng(0)
    mixing, _ = np.linalg.qr(random.normal(size=(8, 8)))
    factors = random.normal(size=(1_000, 8)) * [3, 3, 1, 1, 0.1, 0.1, 0.1, 0.1]
    vectors = (factors @ mixing).astype(np.float32)
    options = {"num_codebooks": 2, "codebook_size": 16}
    plain = fitted("pq", vectors, **options).quality(vectors).relative_error
    options["rotation_iterations"] = 20
    rotated = fitted("opq", vectors, **options)
    assert rotated.quality(vectors).relative_error < 0.9 * plain
    rotation = rotated._arrays()["rotation"]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(8), atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dim", [31, 60])
def test_items_may_be_fewer_than_dimensions(method, dim):
    """In which case faiss by itself raises, or breaks off the process."""
    vectors = random_vectors(30, dim)
    indexer = fitted(method, vectors, num_codebooks=3, codebook_size=8)
    assert indexer.quality(vectors).relative_error < 0.75
    if method == "opq":
        rotation = indexer._arrays()["rotation"]
        identity = np.eye(len(rotation))
        np.testing.assert_allclose(rotation @ rotation.T, identity, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("factor", "offset"), [(1e-10, 0), (1, 1_000)])
def test_neither_units_nor_a_shared_part_matter(method, factor, offset):
    """A power of two would change no bit; these change the last ones."""
    vectors = random_vectors()
    options = {"num_codebooks": 3, "codebook_size": 8}
    expected = fitted(method, vectors, **options).quality(vectors).relative_error
    moved = (vectors * np.float32(factor) + np.float32(offset)).astype(np.float32)
    error = fitted(method, moved, **options).quality(moved).relative_error
    assert error == pytest.approx(expected, rel=0.05)


@settings(max_examples=6, deadline=None)
@given(
    rows=st.integers(8, 60),
    dim=st.integers(1, 6),
    distinct=st.integers(1, 60),
    seed=st.integers(0, 2**32),
)
def test_an_added_level_never_adds_error(rows, dim, distinct, seed):
    vectors = random_vectors(rows, dim, seed)[np.arange(rows) % distinct]
    indexer = fitted("rq_kmeans", vectors, num_codebooks=4, codebook_size=8, seed=seed)
    codes, codebooks = indexer.encode(vectors), indexer._arrays()["codebooks"]
    own = (vectors - indexer._arrays()["mean"]) / indexer._arrays()["scale"]
    left = [np.sum(np.square(own))]
    for level in range(4):
        own = own - codebooks[level][codes[:, level]]
        left.append(np.sum(np.square(own)))
    assert all(after <= before + 1e-5 for before, after in itertools.pairwise(left))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", [3, 6, 255])
def test_codebook_sizes_are_powers_of_two(method, bad):
    with pytest.raises(
        ValueError, match=rf"^codebook_size must be a power of two\. Received: {bad}\."
    ):
        make_indexer(method, codebook_size=bad)
    assert make_indexer(method, codebook_size=np.int64(2)).codebook_size == 2


@pytest.mark.parametrize(
    ("method", "name"),
    [
        *((method, "kmeans_iterations") for method in METHODS),
        ("opq", "rotation_iterations"),
        ("rq_gmm", "em_iterations"),
    ],
)
@pytest.mark.parametrize("bad", [0, 1.5, None])
def test_iterations_are_counted(method, name, bad):
    with pytest.raises(ValueError, match=rf"^{name} must be an integer of at least 1"):
        make_indexer(method, **{name: bad})


@pytest.mark.parametrize("method", [*METHODS, "rq_gmm"])
@pytest.mark.parametrize("bad", [7, 8.0, "all", 0])
def test_training_items_are_at_least_the_codes(method, bad):
    with pytest.raises(
        ValueError,
        match=r"^training_items must be None or an integer of at least codebook_size, 8"
        rf"\. Received: {bad!r}\.",
    ):
        make_indexer(method, codebook_size=8, training_items=bad)


@pytest.mark.parametrize("method", METHODS)
def test_training_items_are_at_most_so_many(method):
    vectors = random_vectors(3_000)
    options = {"num_codebooks": 2, "codebook_size": 8}
    limited = fitted(method, vectors, training_items=40, **options)
    assert limited.describe()["fit"]["training_items"] == 40
    assert limited.describe()["fit"]["items"] == 3_000
    unlimited = fitted(method, vectors, training_items=3_000, **options)
    assert unlimited.describe()["fit"]["training_items"] == 3_000
    default = fitted(method, vectors, **options)
    assert default.describe()["fit"]["training_items"] == 256 * 8
    # Forty vectors make worse codes of the others than all of them do.
    errors = [i.quality(vectors).relative_error for i in (limited, unlimited)]
    assert errors[0] > 1.02 * errors[1]


def test_a_rotation_may_learn_from_fewer_items_than_the_codebooks():
    vectors = random_vectors(500)
    options = {"num_codebooks": 2, "codebook_size": 8}
    few = fitted("opq", vectors, rotation_items=40, **options)
    all_of_them = fitted("opq", vectors, rotation_items=500, **options)
    assert few.describe()["fit"]["training_items"] == 500
    whole = fitted("opq", vectors, **options)
    np.testing.assert_array_equal(all_of_them.codebooks, whole.codebooks)
    assert not np.allclose(few._arrays()["rotation"], whole._arrays()["rotation"])
    # Codebooks of forty items alone would be worse than those of all.
    of_forty = fitted("opq", vectors, training_items=40, **options)
    errors = [i.quality(vectors).relative_error for i in (few, of_forty)]
    assert errors[0] < 0.98 * errors[1]


@pytest.mark.parametrize("bad", [7, 8.0, "all"])
def test_rotation_items_are_at_least_the_codes(bad):
    with pytest.raises(ValueError, match=rf"^rotation_items must be .* {bad!r}\."):
        make_indexer("opq", codebook_size=8, rotation_items=bad)


def test_arrays_of_another_method_are_refused(tmp_path):
    fitted("opq", random_vectors(), num_codebooks=2, codebook_size=4).save(tmp_path)
    arrays, manifest = read_artefact(tmp_path, "indexer")
    for name in ("rotation_iterations", "rotation_items"):
        del manifest["configuration"][name]
    write_artefact(tmp_path, "indexer", arrays, {**manifest, "method": "pq"})
    with pytest.raises(ValueError, match=r"this 'pq' indexer must.*'rotation': \(10, "):
        load_indexer(tmp_path)


@pytest.mark.parametrize("method", METHODS)
def test_the_configuration_of_another_indexer_is_refused(method, tmp_path):
    fitted(method, random_vectors(), num_codebooks=2, codebook_size=4).save(tmp_path)
    arrays, manifest = read_artefact(tmp_path, "indexer")
    configuration = {**manifest["configuration"], "codebook_size": 8}
    write_artefact(
        tmp_path, "indexer", arrays, {**manifest, "configuration": configuration}
    )
    with pytest.raises(ValueError, match=r"\(2, 8, \d+\).*Received.*\(2, 4, \d+\)"):
        load_indexer(tmp_path)
