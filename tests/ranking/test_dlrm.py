"""What DLRM makes of fields that are joined, and without any."""

import numpy as np
import pytest
import tensorflow as tf

from moc_tf.ranking import DLRM, IPNN
from tests.ranking.random_interactions import embeddings, with_random_weights


@pytest.mark.parametrize("joined", [None, (), (1,)])
def test_dlrm_learns_from_ids_that_say_nothing_yet_by_its_constant_alone(joined):
    zeros = tf.zeros([4, 3, 2])
    layer = with_random_weights(DLRM(joined, (5,)), zeros)
    with tf.GradientTape() as tape:
        tape.watch(zeros)
        logits = layer(zeros)
    moved = np.abs(tape.gradient(logits, zeros)).max(axis=(0, 2)) > 1e-3
    assert moved.tolist() == [joined is None or place in joined for place in range(3)]


def test_the_constant_of_dlrm_starts_with_length_one():
    layer = DLRM()
    layer(tf.zeros([1, 2, 4096]))
    assert np.linalg.norm(layer.constant) == pytest.approx(1, abs=0.05)


def test_dlrm_with_all_fields_joined_is_ipnn():
    e = embeddings()
    dlrm, ipnn = with_random_weights(DLRM(range(3), (5,)), e), IPNN((5,))
    ipnn(e)
    ipnn.set_weights(dlrm.get_weights())
    np.testing.assert_array_equal(dlrm(e), ipnn(e))


def test_a_joined_field_that_is_not_there_raises():
    with pytest.raises(ValueError, match=r"from 0 to 2\. Received: \(0, 3\)"):
        DLRM((0, 3))(embeddings())
