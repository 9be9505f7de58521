"""Catalogues on Apache Beam: `make test-beam` runs these, in an environment apart."""

import io
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from moc_tf._artefact import ArtefactError
from moc_tf.code_table import CodeTable
from moc_tf.code_table_parts import part_name
from moc_tf.indexing import load_indexer

pytestmark = pytest.mark.beam

ROOT = pathlib.Path(__file__).parents[2]
TWO_PROCESSES = ("--direct_num_workers=2", "--direct_running_mode=multi_processing")
SHARDS = 5
ROWS = 60  # of a shard


def write_parquet(path, item_ids, vectors):
    embedding = pa.array(list(vectors), pa.list_(pa.float32()))
    pq.write_table(pa.table({"item_id": item_ids, "embedding": embedding}), path)


def write_tfrecord(path, item_ids, vectors):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for item_id, vector in zip(item_ids, vectors, strict=True):
            ids = tf.train.BytesList(value=[item_id.encode()])
            floats = tf.train.FloatList(value=vector)
            features = {
                "item_id": tf.train.Feature(bytes_list=ids),
                "embedding": tf.train.Feature(float_list=floats),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())


@pytest.fixture(scope="module")
def catalogue(fitted, vectors, tmp_path_factory):
    """A folder with an indexer, two shards of records and three of Parquet."""
    folder = tmp_path_factory.mktemp("catalogue")
    fitted.indexer.save(folder / "indexer")
    for shard in range(SHARDS):
        rows = range(shard * ROWS, (shard + 1) * ROWS)
        ids = [f"item-{row}" for row in rows]
        if shard < 2:
            path = folder / f"v.tfrecord-{shard:05d}-of-00002"
            write_tfrecord(path, ids, vectors[rows])
        else:
            write_parquet(folder / f"v-{shard}.parquet", ids, vectors[rows])
    return folder


@pytest.fixture(scope="module")
def patterns(catalogue):
    return [f"{catalogue}/v.tfrecord-*", f"{catalogue}/v-*.parquet"]


@pytest.fixture(scope="module")
def expected(catalogue, vectors):
    """The table that one process makes."""
    ids = [f"item-{row}" for row in range(SHARDS * ROWS)]
    codes = load_indexer(catalogue / "indexer").encode(vectors[: SHARDS * ROWS])
    return CodeTable(ids, codes, 8)


def command(indexer, vectors, out, *flags):
    return [
        *(sys.executable, "-m", "experiments.encode_catalogue"),
        *(f"--indexer={indexer}", f"--vectors={','.join(map(str, vectors))}"),
        *(f"--out={out}", "--runner=DirectRunner", *flags),
    ]


def run(*arguments):
    process = subprocess.run(
        command(*arguments), cwd=ROOT, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr[-5000:]
    return process


def encode(indexer, vectors, out, **options):
    """Runs the pipeline in this process."""
    from moc_tf.indexing.beam_encoding import encode_catalogue

    return encode_catalogue(str(indexer), list(map(str, vectors)), str(out), **options)


def written(folder):
    """When each file of a folder, and of the folders in it, was written."""
    return {
        str(file.relative_to(folder)): file.stat().st_mtime_ns
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_two_processes_make_the_table_of_one_and_mend_it(
    catalogue, patterns, expected, tmp_path
):
    out = tmp_path / "table"
    process = run(
        catalogue / "indexer", patterns, out, "--num_workers=2", "--batch_size=7"
    )
    assert "300 items in 5 parts, of which 5 were made and 0 kept" in process.stdout
    assert CodeTable.load(out).sha256() == expected.sha256()
    parts = list(CodeTable.iter_parts(out))
    assert [part.manifest["input"]["shard"] for part in parts] == [
        "v.tfrecord-00000-of-00002",
        "v.tfrecord-00001-of-00002",
        "v-2.parquet",
        "v-3.parquet",
        "v-4.parquet",
    ]

    before = written(out)
    altered = next((out / part_name(1, 5)).glob("codes-*.npy"))
    altered.write_bytes(altered.read_bytes()[:-1] + b"\7")
    (out / part_name(3, 5) / "manifest.json").unlink()
    # Own flags may follow those of Beam, and values their flags.
    process = run(
        catalogue / "indexer",
        patterns,
        out,
        "--direct_running_mode",
        "multi_processing",
        "--direct_num_workers=2",
        "--batch_size",
        "50",
    )
    assert "300 items in 5 parts, of which 2 were made and 3 kept" in process.stdout
    assert CodeTable.load(out).sha256() == expected.sha256()
    changed = {path for path, when in written(out).items() if before[path] != when}
    assert {path.split("/")[0] for path in changed} == {
        "manifest.json",
        part_name(1, 5),
        part_name(3, 5),
    }


def test_a_killed_run_is_completed(catalogue, vectors, tmp_path):
    shards = 6
    tiled = np.tile(vectors[:200], (10, 1))
    for shard in range(shards):
        ids = [f"item-{shard}-{row}" for row in range(len(tiled))]
        write_parquet(tmp_path / f"v-{shard}.parquet", ids, tiled)
    arguments = (catalogue / "indexer", [tmp_path / "v-*.parquet"], tmp_path / "table")
    # Vector by vector, a shard takes long enough to be caught in the middle.
    process = subprocess.Popen(
        command(*arguments, *TWO_PROCESSES, "--batch_size=1"),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while not (finished := list(tmp_path.glob("table/part-*/manifest.json"))):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    finished = list(tmp_path.glob("table/part-*/manifest.json"))
    assert 1 <= len(finished) < shards
    with pytest.raises(
        ArtefactError, match=r"no manifest\.json: its writing was inter"
    ):
        CodeTable.load(tmp_path / "table")
    before = {file.parent.name: written(file.parent) for file in finished}

    process = run(*arguments, *TWO_PROCESSES)
    kept = len(finished)
    assert f"{shards - kept} were made and {kept} kept" in process.stdout
    table = CodeTable.load(tmp_path / "table")
    codes = load_indexer(catalogue / "indexer").encode(tiled)
    np.testing.assert_array_equal(table.codes, np.tile(codes, (shards, 1)))
    for name, times in before.items():
        assert written(tmp_path / "table" / name) == times


def test_a_second_run_leaves_finished_parts_alone(
    catalogue, patterns, expected, tmp_path
):
    first = encode(catalogue / "indexer", patterns, tmp_path / "table")
    assert (first.parts, first.parts_made, first.items) == (5, 5, 300)
    before = written(tmp_path / "table")
    second = encode(catalogue / "indexer", patterns, tmp_path / "table")
    assert (second.parts, second.parts_made, second.items) == (5, 0, 300)
    after = written(tmp_path / "table")
    assert before.pop("manifest.json") <= after.pop("manifest.json")
    assert after == before
    assert CodeTable.load(tmp_path / "table").sha256() == expected.sha256()


def test_items_in_several_shards_are_an_error_that_names_them(
    catalogue, vectors, tmp_path
):
    for shard, first in enumerate((0, 28, 60)):
        ids = [f"item-{row}" for row in range(first, first + 30)]
        write_parquet(tmp_path / f"v-{shard}.parquet", ids, vectors[:30])
    out = tmp_path / "table"
    with pytest.raises(
        Exception,
        match=rf"one part of the code table {out}, once\. Received: 'item-28' in "
        r"part-00000-of-00003 and part-00001-of-00003, 'item-29' in part-00000-of-"
        r"00003 and part-00001-of-00003\. Remove the repeated rows",
    ):
        encode(catalogue / "indexer", [tmp_path / "v-*.parquet"], out)
    assert not (out / "manifest.json").exists()


def test_what_cannot_work_is_told_before_the_start(
    catalogue, patterns, tmp_path, capsys
):
    indexer = catalogue / "indexer"
    for arguments, message in [
        ((indexer, [tmp_path / "*.parquet"], "x"), "every pattern.*matches none"),
        ((indexer, [indexer / "*.json"], "x"), r"Received: 'manifest\.json'"),
        ((tmp_path / "nowhere", patterns, "x"), "There is no indexer at .*nowhere"),
        ((catalogue, patterns, "x"), "no manifest"),
        ((indexer, patterns, catalogue), "not empty and holds no artefact"),
        ((indexer, patterns, indexer), "'code_table_parts'.*Received.*'indexer'"),
        ((indexer, patterns, f"file://{tmp_path}/x"), "must be given without file://"),
    ]:
        with pytest.raises(ValueError, match=message):
            encode(*arguments)
    (tmp_path / part_name(0, 4)).mkdir()
    with pytest.raises(
        ArtefactError, match=r"those of a table in 5\. Received: 'part-00"
    ):
        encode(indexer, patterns, tmp_path)


def test_a_worker_with_another_indexer_stops(catalogue, tmp_path):
    from moc_tf.indexing.beam_encoding import _PartMaker

    maker = _PartMaker(str(catalogue / "indexer"), "ab12", str(tmp_path), 1, 10)
    with pytest.raises(
        ValueError, match=r"same indexer.*ab12\. Received: [0-9a-f]{64}"
    ):
        maker.setup()


def test_parts_that_are_not_seen_where_the_table_is_finished_are_told(tmp_path):
    from moc_tf.indexing.beam_encoding import _finish

    with pytest.raises(ArtefactError, match=r"part-00000-of-00001.* all of them see\."):
        _finish(str(tmp_path), 1, [part_name(0, 1)], [])


@pytest.mark.parametrize(
    ("flags", "direct"),
    [
        ([], (3, "multi_processing")),
        (["--runner=DirectRunner"], (3, "multi_processing")),
        (["--runner=FlinkRunner"], (1, "in_memory")),
    ],
)
def test_the_number_of_workers_is_told_to_the_runner(flags, direct):
    from apache_beam.options import pipeline_options

    from moc_tf.indexing.beam_encoding import _options

    options = _options(3, flags)
    assert options.view_as(pipeline_options.WorkerOptions).num_workers == 3
    chosen = options.view_as(pipeline_options.DirectOptions)
    assert (chosen.direct_num_workers, chosen.direct_running_mode) == direct
    unchanged = _options(None, flags).view_as(pipeline_options.DirectOptions)
    assert unchanged.direct_num_workers == 1


@pytest.fixture(scope="module")
def depot():
    """A file system of Beam, depot://, that keeps objects as object stores do.

    An object is there when its writer is closed, and there are no folders.
    """
    from apache_beam.io.filesystem import FileMetadata, FileSystem

    objects, log = {}, []

    class Depot(FileSystem):
        @classmethod
        def scheme(cls):
            return "depot"

        def join(self, basepath, *paths):
            return "/".join([basepath.rstrip("/"), *paths])

        def split(self, path):
            return tuple(path.rsplit("/", 1))

        def has_dirs(self):
            return False

        def _list(self, prefix):
            for path in sorted(objects):
                if path.startswith(prefix):
                    yield self.metadata(path)

        def create(self, path, mime_type=None, compression_type=None):
            class Writer(io.BytesIO):
                def close(self):
                    if not self.closed:
                        objects[path] = self.getvalue()
                        log.append(path)
                    super().close()

            return Writer()

        def open(self, path, mime_type=None, compression_type=None):
            return io.BytesIO(objects[path])

        def exists(self, path):
            return path in objects

        def metadata(self, path):
            return FileMetadata(path, len(objects[path]))

        def unsupported(self, *arguments):
            raise NotImplementedError

        mkdirs = copy = rename = delete = unsupported
        size = checksum = last_updated = unsupported

    Depot.objects, Depot.log = objects, log
    return Depot


def test_everything_may_lie_on_another_file_system(
    depot, catalogue, expected, tmp_path
):
    for file in catalogue.rglob("*"):
        if file.is_file():
            depot.objects[f"depot://in/{file.relative_to(catalogue)}"] = (
                file.read_bytes()
            )
    arguments = (
        "depot://in/indexer",
        ["depot://in/v.tfrecord-*", "depot://in/v-*.parquet"],
        "depot://out/table",
    )
    assert encode(*arguments).parts_made == 5
    assert depot.log[-1] == "depot://out/table/manifest.json"
    for index in range(5):
        folder = f"depot://out/table/{part_name(index, 5)}/"
        files = [path for path in depot.log if path.startswith(folder)]
        assert len(files) == 3
        assert files[-1] == folder + "manifest.json"

    def fetched(folder):
        for path, content in depot.objects.items():
            if path.startswith("depot://out/table/"):
                file = folder / path.removeprefix("depot://out/table/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        return CodeTable.load(folder)

    assert fetched(tmp_path / "first").sha256() == expected.sha256()

    damaged = next(p for p in depot.log if part_name(2, 5) in p and "codes-" in p)
    depot.objects[damaged] = depot.objects[damaged][:-1] + b"\7"
    depot.objects.pop(f"depot://out/table/{part_name(4, 5)}/manifest.json")
    depot.log.clear()
    assert encode(*arguments).parts_made == 2
    assert {path.split("/")[4] for path in depot.log} == {
        part_name(2, 5),
        part_name(4, 5),
        "manifest.json",
    }
    assert fetched(tmp_path / "second").sha256() == expected.sha256()

    with pytest.raises(
        ArtefactError, match=r"those of a table in 3\. Received: 'part-00"
    ):
        encode(arguments[0], ["depot://in/v-*.parquet"], arguments[2])
    depot.objects["depot://other/mine.txt"] = b"mine"
    with pytest.raises(ArtefactError, match=r"not empty.*'mine\.txt'"):
        encode(*arguments[:2], "depot://other")
