"""Forms that are quicker than their formulas, against the formulas."""

import numpy as np
import pytest
import tensorflow as tf

from moc_tf.ranking import field_attention
from moc_tf.ranking.compressed_interaction import CompressedInteraction


@pytest.mark.parametrize("num_fields", [1, 2, 5, 6])
@pytest.mark.parametrize("cin_units", [(3,), (3, 2), (3, 4, 2)])
def test_distinct_pairs_compress_to_what_all_pairs_do(num_fields, cin_units):
    e = np.random.default_rng(0).normal(size=(4, num_fields, 3)).astype(np.float32)
    layer = CompressedInteraction(cin_units)
    layer(e)
    x, expected = e, []
    for kernel in layer.get_weights():
        kernel = kernel.reshape(x.shape[1], num_fields, -1)
        x = np.einsum("ijh,bid,bjd->bhd", kernel, x, e)
        expected.append(x.sum(axis=2))
    np.testing.assert_allclose(
        layer(e), np.concatenate(expected, axis=1), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("scale", [1.0, 100.0])  # e^10000 is no number
def test_a_softmax_of_columns_is_one_of_transposed_rows(scale):
    rng = np.random.default_rng(0)
    scores = tf.constant(scale * rng.normal(size=(3, 4, 5)), tf.float32)
    weigh = tf.constant(rng.normal(size=(3, 4, 5)), tf.float32)

    def by_rows(scores):
        turned = tf.nn.softmax(tf.transpose(scores, (0, 2, 1)))
        return tf.transpose(turned, (0, 2, 1))

    results = []
    for softmax in (field_attention._softmax_of_columns, by_rows):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            weights = softmax(scores)
            total = tf.reduce_sum(weigh * weights)
        results.append((weights, tape.gradient(total, scores)))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
