"""Codes that a graph computes are those of the indexer, to the last bit."""

import numpy as np
import pytest
import tensorflow as tf

from moc_tf.indexing import GraphEncoder, NotFittedError, indexing_methods, make_indexer

# Fits of seconds for autoencoders: `wide`, a "moc", stands for all of them.
QUICK = {
    "pq": {"kmeans_iterations": 4},
    "opq": {"kmeans_iterations": 4, "rotation_iterations": 2},
    "rq_kmeans": {"kmeans_iterations": 2},
    "rq_gmm": {"em_iterations": 4},
}


def saved_and_loaded(encoder, path):
    """The encoder as a function of a SavedModel, called with any number of rows."""
    spec = tf.TensorSpec([None, encoder.input_dim], tf.float32, "vectors")
    module = tf.Module()
    module.encoder = encoder
    encode = tf.function(encoder.__call__).get_concrete_function(spec)
    tf.saved_model.save(module, str(path), {"encode": encode})
    signature = tf.saved_model.load(str(path)).signatures["encode"]
    return lambda vectors: next(iter(signature(vectors=tf.constant(vectors)).values()))


def test_codes_on_the_border_are_those_of_the_indexer(wide, on_the_border, tmp_path):
    encode = saved_and_loaded(GraphEncoder(wide), tmp_path)
    expected = wide.encode(on_the_border)
    np.testing.assert_array_equal(encode(on_the_border), expected)
    for row in range(0, 100, 9):
        np.testing.assert_array_equal(
            encode(on_the_border[row : row + 1]), expected[row : row + 1]
        )
    many = np.tile(on_the_border, (12, 1))  # more than a chunk
    np.testing.assert_array_equal(encode(many), np.tile(expected, (12, 1)))
    assert encode(on_the_border[:0]).shape == (0, 3)


@pytest.mark.parametrize("method", sorted(QUICK))
def test_methods_on_the_vectors_themselves_encode_in_a_graph(method, vectors, tmp_path):
    indexer = make_indexer(method, num_codebooks=3, codebook_size=8, **QUICK[method])
    indexer.fit(vectors)
    encode = saved_and_loaded(GraphEncoder(indexer), tmp_path)
    unseen = vectors[:40] + np.float32(0.05)
    np.testing.assert_array_equal(encode(unseen), indexer.encode(unseen))
    assert GraphEncoder(indexer).codes_per_item == 3


@pytest.mark.parametrize("spec", [[None, 16], [None, None], None])
def test_vectors_of_another_width_are_refused(vectors, spec):
    indexer = make_indexer("rq_kmeans", codebook_size=8, kmeans_iterations=2)
    encoder = GraphEncoder(indexer.fit(vectors[:, :8]))  # a divisor of 16
    message = "as wide as those that the indexer was fitted on, 8.*16"
    with pytest.raises(ValueError, match=message):
        encoder(vectors)
    encode = tf.function(
        encoder.__call__, input_signature=[tf.TensorSpec(spec, tf.float32)]
    )
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=message):
        encode(vectors)


def test_all_methods_but_random_encode_in_a_graph(vectors):
    indexer = make_indexer("random", codebook_size=8).fit(vectors)
    able = sorted({*indexing_methods()} - {"random"})
    message = rf"'random' has no codes that.*graph: \[{', '.join(map(repr, able))}\]"
    with pytest.raises(ValueError, match=message):
        GraphEncoder(indexer)


def test_an_indexer_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError, match="call fit"):
        GraphEncoder(make_indexer("moc"))
