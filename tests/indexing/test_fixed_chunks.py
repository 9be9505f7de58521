import threading

import numpy as np
import pytest
import tensorflow as tf

from moc_tf.indexing import fixed_chunks
from moc_tf.indexing.fixed_chunks import CHUNK, in_chunks


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("rows", [0, 1, CHUNK, 3 * CHUNK + 7])
def test_rows_come_back_in_their_order(rows, threads, monkeypatch):
    monkeypatch.setattr(fixed_chunks, "num_threads", lambda: threads)
    values = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2)
    seen = []

    def twice(chunk):
        seen.append(chunk.shape)
        return 2 * chunk

    np.testing.assert_array_equal(in_chunks(twice, values), 2 * values)
    assert set(seen) == {tf.TensorShape([CHUNK, 2])}
    assert len(seen) == max(-(-rows // CHUNK), 1)


def test_chunks_are_done_beside_one_another(monkeypatch):
    monkeypatch.setattr(fixed_chunks, "num_threads", lambda: 2)
    together = threading.Barrier(2, timeout=20)

    def waits(chunk):
        together.wait()  # which one thread by itself would never pass
        return chunk

    values = np.zeros((2 * CHUNK, 1), np.float32)
    np.testing.assert_array_equal(in_chunks(waits, values), values)


def test_an_error_in_a_chunk_is_raised(monkeypatch):
    monkeypatch.setattr(fixed_chunks, "num_threads", lambda: 2)

    def fails(chunk):
        raise ValueError("no codes")

    with pytest.raises(ValueError, match="no codes"):
        in_chunks(fails, np.zeros((2 * CHUNK, 1), np.float32))
