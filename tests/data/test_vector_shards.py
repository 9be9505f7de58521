import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from moc_tf.data.vector_shards import check_shard_name, read_shard

IDS = [f"ä{n}" for n in range(11)]
VALUES = np.random.default_rng(0).standard_normal((11, 3)).astype(np.float32)


def as_float(value):
    return None if value is None else float(value)


def write_parquet(folder, item_ids=IDS, vectors=VALUES, kind=None, **options):
    rows = [None if row is None else [*map(as_float, row)] for row in vectors]
    columns = {
        "item_id": list(item_ids),
        "embedding": pa.array(rows, kind or pa.list_(pa.float32())),
        "title": ["ignored"] * len(rows),
    }
    pq.write_table(pa.table(columns), folder / "v.parquet", **options)
    return folder / "v.parquet"


def record(item_id, vector):
    features = {"embedding": tf.train.Feature(float_list={"value": vector})}
    if item_id is not None:
        value = [str(item_id).encode()]
        features["item_id"] = tf.train.Feature(bytes_list={"value": value})
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString()


def write_tfrecord(folder, item_ids=IDS, vectors=VALUES, name="v.tfrecord"):
    with tf.io.TFRecordWriter(str(folder / name)) as writer:
        for item_id, vector in zip(item_ids, vectors, strict=True):
            writer.write(record(item_id, [] if vector is None else vector))
    return folder / name


def fixed_width(folder, item_ids, vectors):
    return write_parquet(folder, item_ids, vectors, pa.list_(pa.float32(), 3))


WRITERS = [write_parquet, write_tfrecord]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("batch_size", [1, 4, 11, 100])
def test_a_shard_is_read_in_batches_and_in_order(tmp_path, write, batch_size):
    batches = list(read_shard(write(tmp_path), batch_size))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) == min(batch_size, 11)
    assert len(sizes) == -(-11 // batch_size)
    assert np.concatenate([b.item_ids for b in batches]).tolist() == IDS
    vectors = np.concatenate([b.vectors for b in batches])
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, VALUES)


def test_no_batch_is_read_before_it_is_asked_for(tmp_path):
    path = write_tfrecord(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:-5])  # cuts the last record
    batches = read_shard(path, 5)
    assert [len(next(batches)), len(next(batches))] == [5, 5]
    with pytest.raises(ValueError, match=r"v\.tfrecord .*from 10 on\. Records must be"):
        next(batches)


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.float16()),
        pa.list_(pa.float64()),
        pa.large_list(pa.float32()),
        pa.list_(pa.float32(), 3),
    ],
)
def test_parquet_may_hold_any_lists_of_floats(tmp_path, kind):
    path = write_parquet(tmp_path, kind=kind, row_group_size=4)
    vectors = np.concatenate([batch.vectors for batch in read_shard(path, 3)])
    expected = VALUES.astype(kind.value_type.to_pandas_dtype())
    assert vectors.dtype == expected.dtype
    np.testing.assert_array_equal(vectors, expected)


def test_ids_may_be_integers_or_bytes(tmp_path):
    for ids in (range(11), [str(n).encode() for n in range(11)]):
        (batch,) = read_shard(write_parquet(tmp_path, ids))
        assert batch.item_ids.tolist() == [str(n) for n in range(11)]


@pytest.mark.parametrize("write", WRITERS)
def test_a_shard_without_rows_has_no_batches(tmp_path, write):
    assert list(read_shard(write(tmp_path, [], []))) == []


@pytest.mark.parametrize(
    "name",
    ["v.parquet", "v.snappy.parquet", "v.tfrecord", "v.tfrecords-00000-of-00016"],
)
def test_names_of_shards(name):
    check_shard_name(name)


@pytest.mark.parametrize("name", ["v.npz", "parquet", "v.parquet.gz", "v.tfrecord-x"])
def test_other_names_are_refused(tmp_path, name):
    for read in (check_shard_name, lambda n: list(read_shard(tmp_path / n))):
        with pytest.raises(ValueError, match=rf"must be named .* Received: '{name}'\."):
            read(name)


def test_a_numbered_record_file_is_read(tmp_path):
    path = write_tfrecord(tmp_path, name="v.tfrecord-00001-of-00002")
    assert [len(batch) for batch in read_shard(path)] == [11]


WITH_HOLE = [*VALUES[:6], None, *VALUES[7:]]
TOO_SHORT = [*VALUES[:6], [1.0], *VALUES[7:]]
NOT_FINITE = np.where(np.arange(33).reshape(11, 3) == 20, np.inf, VALUES)


@pytest.mark.parametrize(
    ("write", "item_ids", "vectors", "message"),
    [
        (write_parquet, IDS, WITH_HOLE, r"no vector in row 6 \(item 'ä6'\)"),
        (write_tfrecord, IDS, WITH_HOLE, r"0 values in row 6 \(item b'"),
        (
            write_parquet,
            IDS,
            TOO_SHORT,
            "first of their shard, 3. .* 1 values in row 6",
        ),
        (
            write_tfrecord,
            IDS,
            TOO_SHORT,
            "first of their shard, 3. .* 1 values in row 6",
        ),
        (
            write_parquet,
            IDS,
            NOT_FINITE,
            r"must be finite. Received: inf .* 'ä6' \(row",
        ),
        (
            write_tfrecord,
            IDS,
            NOT_FINITE,
            r"must be finite. Received: inf .* 'ä6' \(row",
        ),
        (write_parquet, [*IDS[:6], None, *IDS[7:]], VALUES, "Received: none in row 6"),
        (write_tfrecord, [*IDS[:6], None, *IDS[7:]], VALUES, "with 'item_id', one byt"),
        (fixed_width, IDS, WITH_HOLE, r"no vector in row 6 \(item 'ä6'\)"),
        (write_parquet, IDS, [None] * 11, "no vector in row 0|one dimension"),
        (write_tfrecord, IDS, [None] * 11, r"one dimension. Received: shape \(4, 0\)"),
    ],
)
def test_bad_rows_are_told(tmp_path, write, item_ids, vectors, message):
    path = write(tmp_path, item_ids, vectors)
    told = rf"(?s)item vectors of .*{path.name} are unusable, in the rows from \d on"
    with pytest.raises(ValueError, match=rf"{told}.*{message}"):
        list(read_shard(path, 4))


def test_the_width_must_be_the_same_in_every_batch(tmp_path):
    path = write_parquet(tmp_path, IDS[:4], [[1.0], [2.0], [3.0, 4.0], [5.0, 6.0]])
    batches = read_shard(path, 2)
    next(batches)
    with pytest.raises(
        ValueError, match=r"their shard, 1\. Received: 2 values in row 2"
    ):
        next(batches)


def test_missing_or_wrong_columns_are_told(tmp_path):
    path = tmp_path / "v.parquet"
    pq.write_table(pa.table({"id": ["a"], "embedding": [[1.0]]}), path)
    with pytest.raises(
        ValueError, match=r"\['id', 'embedding'\], without \['item_id'\]"
    ):
        list(read_shard(path))
    pq.write_table(pa.table({"item_id": ["a"], "embedding": ["x"]}), path)
    with pytest.raises(ValueError, match=r"lists of floats\. Received: string"):
        list(read_shard(path))
    pq.write_table(pa.table({"item_id": ["a"], "embedding": [[1.0, None]]}), path)
    with pytest.raises(
        ValueError, match="1 nulls inside the vectors of the next 1 rows"
    ):
        list(read_shard(path))


def test_missing_and_damaged_files_are_told(tmp_path):
    with pytest.raises(ValueError, match=r"no shard .*nowhere\.parquet"):
        list(read_shard(tmp_path / "nowhere.parquet"))
    path = write_parquet(tmp_path)
    content = path.read_bytes()
    for damaged in (content[:-20], b"PAR1" + bytes(len(content) // 2) + content[-200:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"v\.parquet are unusable"):
            list(read_shard(path))
