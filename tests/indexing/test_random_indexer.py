import hashlib

import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare

from moc_tf.indexing import make_indexer


def fitted(vectors, **options):
    return make_indexer("random", **{"codebook_size": 10, **options}).fit(vectors)


@pytest.fixture(scope="module")
def many():
    return np.random.default_rng(0).normal(size=(20_000, 4)).astype(np.float32)


def test_codes_are_a_hash_of_the_seed_and_the_vector():
    vectors = np.array([[0.5, -2.0], [1.0, 0.0]], np.float32)
    indexer = fitted(np.tile(vectors, (5, 1)), num_codebooks=2, seed=12)
    row = bytes.fromhex("0000003f000000c0")  # 0.5 and -2 in IEEE 754, low byte first
    digest = hashlib.shake_128(b"12 " + row).digest(16)
    expected = [int.from_bytes(digest[at : at + 8], "little") % 10 for at in (0, 8)]
    assert indexer.encode(vectors)[0].tolist() == expected


def test_each_codebook_is_used_evenly(many):
    codes = fitted(many, num_codebooks=9).encode(many)
    for column in codes.T:
        assert chisquare(np.bincount(column, minlength=10)).pvalue > 1e-4


def test_codebooks_are_independent(many):
    codes = fitted(many, num_codebooks=9).encode(many)
    for n in range(8):
        pairs = np.zeros((10, 10))
        np.add.at(pairs, (codes[:, n], codes[:, n + 1]), 1)
        assert chi2_contingency(pairs).pvalue > 1e-4


def test_seeds_are_independent(many):
    one, other = (fitted(many, seed=seed).encode(many) for seed in (1, 11))
    assert np.mean(one == other) == pytest.approx(0.1, abs=0.005)


def test_similar_vectors_have_unrelated_codes(many):
    indexer = fitted(many)
    close = np.nextafter(many, np.float32(9))
    assert np.mean(indexer.encode(close) == indexer.encode(many)) == pytest.approx(
        0.1, abs=0.005
    )


def test_codes_do_not_depend_on_the_fitted_vectors(many):
    one, other = fitted(many[:10]), fitted(many[10:])
    np.testing.assert_array_equal(one.encode(many), other.encode(many))


def test_zero_has_no_sign(many):
    indexer = fitted(many)
    zeros = np.zeros((1, 4), np.float32)
    np.testing.assert_array_equal(indexer.encode(-zeros), indexer.encode(zeros))
    np.testing.assert_array_equal(
        indexer.encode(-zeros.astype(np.float16)), indexer.encode(zeros)
    )


def test_random_codes_do_not_decode(many):
    indexer = fitted(many)
    assert not indexer.decodes
    with pytest.raises(
        ValueError, match=r"'random' stand for no vectors.*Received: 20000 items"
    ):
        indexer.decode(indexer.encode(many))
