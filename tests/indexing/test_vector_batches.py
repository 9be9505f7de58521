import mmap

import numpy as np
import pytest
import tensorflow as tf

from moc_tf.indexing import make_indexer
from moc_tf.indexing.vector_batches import vector_batches

VECTORS = np.arange(4096 * 4, dtype=np.float32).reshape(4096, 4)


def anonymous(tmp_path):
    return mmap.mmap(-1, VECTORS.nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def private_copy_of_a_file(tmp_path):
    (tmp_path / "zeros").write_bytes(bytes(VECTORS.nbytes))
    with (tmp_path / "zeros").open("r+b") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


@pytest.mark.parametrize("mapped", [anonymous, private_copy_of_a_file])
def test_vectors_that_were_written_to_a_private_map_stay(mapped, tmp_path):
    vectors = np.ndarray(VECTORS.shape, np.float32, buffer=mapped(tmp_path))
    vectors[:] = VECTORS
    for _ in vector_batches(vectors, batch_size=1024):
        pass
    np.testing.assert_array_equal(vectors, VECTORS)


@pytest.mark.parametrize("mode", ["r", "r+", "w+", "c"])
def test_vectors_of_a_file_stay_in_every_mode(mode, tmp_path):
    VECTORS.tofile(tmp_path / "vectors")
    vectors = np.memmap(tmp_path / "vectors", np.float32, mode, shape=VECTORS.shape)
    if mode != "r":
        vectors[:] = VECTORS + 1
    expected = np.array(vectors)
    batches = list(vector_batches(vectors[1:], batch_size=1024))
    np.testing.assert_array_equal(np.concatenate(batches), expected[1:])
    np.testing.assert_array_equal(vectors, expected)


def test_batches_of_several_widths_are_named_as_such():
    ragged = tf.data.Dataset.from_generator(
        lambda: iter([VECTORS, VECTORS[:, :3]]),
        output_signature=tf.TensorSpec([None, None], tf.float32),
    )
    message = r"one width\. Received: batches of 4 and of 3 dimensions\.$"
    for method in ("moc", "pq"):
        with pytest.raises(ValueError, match=message):
            make_indexer(method).fit(ragged)


def test_a_data_set_that_never_ends_is_refused_by_every_call(indexer, vectors):
    endless = tf.data.Dataset.from_tensor_slices(vectors).batch(64).repeat()
    for use in (indexer.encode, indexer.quality, indexer.fit):
        with pytest.raises(ValueError, match=r"must end.*Leave out its repeat"):
            use(endless)
