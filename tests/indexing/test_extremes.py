"""The largest shapes that are promised: vectors, codebooks and codes."""

import numpy as np
import pytest

from moc_tf.indexing import make_indexer


def random_vectors(rows, dims):
    return np.random.default_rng(0).normal(size=(rows, dims)).astype(np.float32)


@pytest.mark.parametrize("dims", [384, pytest.param(16_384, marks=pytest.mark.slow)])
@pytest.mark.parametrize("method", ["moc", "rq_vae"])
def test_vectors_may_be_as_wide_as_an_llm_makes_them(method, dims):
    kinds = np.random.default_rng(1).integers(4, size=64)
    vectors = random_vectors(4, dims)[kinds]
    options = {"hidden_units": (16,), "epochs": 60, "learning_rate": 1e-2}
    indexer = make_indexer(method, num_codebooks=2, codebook_size=4, **options)
    codes = indexer.fit(vectors).encode(vectors)
    assert indexer.decode(codes).shape == (64, dims)
    assert indexer.quality(vectors).relative_error < 0.5


@pytest.mark.slow
def test_an_item_may_have_64_codes():
    vectors = random_vectors(200, 16)
    indexer = make_indexer("moc", num_codebooks=64, codebook_size=16, epochs=2)
    codes = indexer.fit(vectors).encode(vectors)
    assert codes.shape == (200, 64)
    assert min(indexer.quality(vectors).usage) > 0.5


@pytest.mark.slow
def test_a_codebook_may_have_8192_codes():
    vectors = random_vectors(20_000, 16)
    indexer = make_indexer(
        "moc", num_codebooks=3, codebook_size=8192, hidden_units=(32,), epochs=5
    )
    codes = indexer.fit(vectors).encode(vectors)
    assert codes.max() > 8000
    assert min(indexer.quality(vectors).usage) > 0.5
