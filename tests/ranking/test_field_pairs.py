import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from moc_tf.ranking.field_pairs import factorization_machine, inner_products


def embeddings(num_fields=3, batch=4, dim=2):
    rng = np.random.default_rng(0)
    return rng.normal(size=(batch, num_fields, dim)).astype(np.float32)


def test_a_factorization_machine_sums_over_pairs_of_fields():
    e = embeddings()
    pairs = [np.sum(e[:, i] * e[:, j], axis=-1) for i, j in ((0, 1), (0, 2), (1, 2))]
    np.testing.assert_allclose(factorization_machine(e), sum(pairs), rtol=1e-5)
    np.testing.assert_allclose(
        factorization_machine(e[:, [2, 0, 1]]), sum(pairs), rtol=1e-5
    )
    np.testing.assert_allclose(factorization_machine(e[:, :1]), np.zeros(4), atol=1e-6)


def test_a_factorization_machine_does_not_lose_small_fields_beside_large_ones():
    # 64.25 is no bfloat16, so that the square of the sum has to be taken in float32.
    e = tf.constant([[[64.0], [0.25]]], tf.bfloat16)
    pairs = factorization_machine(e)
    assert pairs.dtype == tf.float32
    assert float(pairs[0]) == 16.0


def test_inner_products_are_those_of_tfrs_in_its_order():
    for num_fields in (2, 3, 5):
        e = embeddings(num_fields)
        expected = tfrs.layers.feature_interaction.DotInteraction()(
            tf.unstack(e, axis=1)
        )
        np.testing.assert_allclose(inner_products(e), expected, rtol=1e-5, atol=1e-6)


def test_inner_products_of_one_field_are_none():
    assert inner_products(embeddings(1)).shape == (4, 0)


def test_inner_products_of_any_number_of_fields_compile_under_xla():
    e = embeddings(26, batch=2048)
    compiled = tf.function(inner_products, jit_compile=True)(tf.constant(e))
    np.testing.assert_allclose(compiled, inner_products(e), rtol=1e-4, atol=1e-5)
