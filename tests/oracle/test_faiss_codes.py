"""Codes against those of faiss, and of an independent twin in NumPy."""

import faiss
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf.indexing import ParallelQuantizer, ResidualQuantizer, make_indexer

ROWS, DIM, N, K = 800, 12, 4, 16


@pytest.fixture(scope="module")
def vectors():
    """Sums of factors and noise, not centred."""
    random = np.random.default_rng(0)
    directions = random.normal(size=(3, 10, DIM))
    values = random.integers(10, size=(ROWS, 3))
    signal = directions[np.arange(3), values].sum(axis=1)
    noise = random.normal(scale=0.3, size=(ROWS, DIM))
    return (signal + noise + 0.5).astype(np.float32)


def trained_pq(vectors):
    quantizer = faiss.ProductQuantizer(DIM, N, 4)
    quantizer.train(vectors)
    return quantizer


def trained_rq(vectors):
    quantizer = faiss.ResidualQuantizer(DIM, N, 4)
    quantizer.max_beam_size = 1
    quantizer.train(vectors)
    return quantizer


def pq_centroids(quantizer):
    return faiss.vector_to_array(quantizer.centroids).reshape(N, K, DIM // N)


def rq_centroids(quantizer):
    return faiss.vector_to_array(quantizer.codebooks).reshape(N, K, DIM)


def faiss_codes(quantizer, vectors):
    """faiss packs two codes of four bits a byte, the first in the lower half."""
    packed = quantizer.compute_codes(vectors)
    return np.stack([packed & 15, packed >> 4], axis=-1).reshape(len(vectors), N)


def twin_pq(vectors, centroids):
    codes = np.empty((len(vectors), N), int)
    for row, vector in enumerate(vectors.astype(np.float64)):
        for n, part in enumerate(np.split(vector, N)):
            codes[row, n] = np.argmin([np.sum((part - c) ** 2) for c in centroids[n]])
    return codes


def twin_rq(vectors, centroids):
    codes = np.empty((len(vectors), N), int)
    for row, vector in enumerate(vectors.astype(np.float64)):
        for n in range(N):
            distances = np.sum((vector - centroids[n]) ** 2, axis=1)
            codes[row, n] = np.argmin(distances)
            vector = vector - centroids[n, codes[row, n]]
    return codes


def layer_codes(layer, latents, centroids):
    layer.build(latents.shape)
    layer.codebooks.assign(centroids)
    return layer(tf.constant(latents)).codes.numpy()


def indexer_codes(method, vectors, centroids):
    indexer = make_indexer(method, num_codebooks=N, codebook_size=K)
    units = {"mean": np.zeros(DIM, np.float32), "scale": np.ones((), np.float32)}
    indexer._set_arrays({**units, "codebooks": centroids}, DIM)
    codes = indexer.encode(vectors)
    return codes, indexer.decode(codes)


def test_product_codes_are_those_of_faiss(vectors):
    quantizer = trained_pq(vectors)
    centroids, expected = pq_centroids(quantizer), faiss_codes(quantizer, vectors)
    np.testing.assert_array_equal(twin_pq(vectors, centroids), expected)
    codes, decoded = indexer_codes("pq", vectors, centroids)
    np.testing.assert_array_equal(codes, expected)
    theirs = quantizer.decode(quantizer.compute_codes(vectors))
    np.testing.assert_array_equal(decoded, theirs)


def test_residual_codes_are_those_of_faiss(vectors):
    quantizer = trained_rq(vectors)
    centroids, expected = rq_centroids(quantizer), faiss_codes(quantizer, vectors)
    np.testing.assert_array_equal(twin_rq(vectors, centroids), expected)
    codes, decoded = indexer_codes("rq_kmeans", vectors, centroids)
    np.testing.assert_array_equal(codes, expected)
    theirs = quantizer.decode(quantizer.compute_codes(vectors))
    np.testing.assert_allclose(decoded, theirs, rtol=1e-5, atol=1e-5)


def test_the_parallel_layer_gives_the_product_codes_of_faiss(vectors):
    quantizer = trained_pq(vectors)
    layer = ParallelQuantizer(N, K, DIM // N)
    latents = vectors.reshape(ROWS, N, DIM // N)
    np.testing.assert_array_equal(
        layer_codes(layer, latents, pq_centroids(quantizer)),
        faiss_codes(quantizer, vectors),
    )


def test_the_residual_layer_gives_the_residual_codes_of_faiss(vectors):
    quantizer = trained_rq(vectors)
    layer = ResidualQuantizer(N, K, DIM)
    np.testing.assert_array_equal(
        layer_codes(layer, vectors[:, np.newaxis], rq_centroids(quantizer)),
        faiss_codes(quantizer, vectors),
    )


def index_of(method):
    """faiss' own index of the method, as it comes.

    But for the search in residual levels, which is greedy, as "rq_kmeans" must be, and
    for fewer rounds of the rotation, for speed.
    """
    if method == "rq_kmeans":
        index = faiss.IndexResidualQuantizer(DIM, N, 4)
        index.rq.max_beam_size = 1
        return index
    index = faiss.index_factory(DIM, f"OPQ{N},PQ{N}x4" if method == "opq" else "PQ4x4")
    if method == "opq":
        faiss.downcast_VectorTransform(index.chain.at(0)).niter = 10
    return index


@pytest.mark.parametrize(
    ("method", "options"),
    [("pq", {}), ("opq", {"rotation_iterations": 10}), ("rq_kmeans", {})],
)
def test_the_error_is_no_worse_than_that_of_faiss(method, options, vectors):
    index = index_of(method)
    index.train(vectors)
    theirs = np.sum(np.square(vectors - index.sa_decode(index.sa_encode(vectors))))
    indexer = make_indexer(method, num_codebooks=N, codebook_size=K, **options)
    codes = indexer.fit(vectors).encode(vectors)
    ours = np.sum(np.square(vectors - indexer.decode(codes)))
    # Centring moves last bits, which leads k-means to one optimum or to another.
    assert ours <= 1.02 * theirs


@settings(max_examples=25, deadline=None)
@given(levels=st.integers(1, 5), dim=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_a_level_with_a_zero_code_never_adds_error(levels, dim, seed):
    """The layer picks the nearest code, and zero is one that leaves all as it is."""
    random = np.random.default_rng(seed)
    codebooks = random.normal(size=(levels, 6, dim)).astype(np.float32)
    codebooks[:, 3] = 0
    latents = random.normal(size=(20, 1, dim)).astype(np.float32)
    layer = ResidualQuantizer(levels, 6, dim)
    layer.build(latents.shape)
    layer.codebooks.assign(codebooks)
    left = [np.sum(np.square(latents), axis=(1, 2))]
    for level in range(1, levels + 1):
        chosen = layer.assign_levels(tf.constant(latents), level).chosen.numpy()
        left.append(np.sum(np.square(latents[:, 0] - chosen.sum(axis=1)), axis=1))
    assert (np.diff(left, axis=0) <= 1e-5).all()
