"""A whole catalogue's codes on Apache Beam: part k of the table from shard k.

Needs the `beam` extra; nothing else in the library imports this or Beam.
"""

import dataclasses
import logging
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

try:
    import apache_beam as beam
except ImportError as error:
    raise ImportError(
        "Encoding a catalogue on Apache Beam needs apache-beam: pip install -r "
        "requirements-beam.txt, in an environment of its own."
    ) from error
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineState
from apache_beam.utils.shared import Shared

from moc_tf._artefact import MANIFEST, ArtefactError, artefact_sha256
from moc_tf.code_table_parts import (
    check_division,
    check_parts_folder,
    items_in_several,
    part_name,
    repeated_items_error,
    write_parts_manifest,
)
from moc_tf.data.vector_shards import check_shard_name
from moc_tf.indexing.beam_storage import (
    child,
    is_remote,
    local_file,
    local_folder,
    matching_files,
    part_names,
    publish,
    publish_file,
)
from moc_tf.indexing.indexer import INDEXER_KIND
from moc_tf.indexing.shard_encoding import ShardEncoder

_LOGGER = logging.getLogger(__name__)
_METRICS = "moc_tf"


@dataclasses.dataclass(frozen=True)
class EncodedCatalogue:
    """What a run of the pipeline did.

    Attributes:
      parts: parts of the table.
      parts_made: parts that this run made; the others were there.
      items: items of the table.
    """

    parts: int
    parts_made: int
    items: int


def encode_catalogue(
    indexer: str,
    vectors: Sequence[str],
    out: str,
    batch_size: int = 4096,
    num_workers: int | None = None,
    beam_flags: Sequence[str] = (),
) -> EncodedCatalogue:
    """Encodes shards of item vectors into a code table in parts, and waits for it.

    A worker loads the indexer once, and holds of a shard one batch of vectors and all
    codes. Started again, it keeps the finished parts, makes those that are missing,
    damaged, or made from something else, and writes the table's manifest, last of all.
    The codes are those of `Indexer.encode`.

    Paths may be local or of any file system of Beam; the latter are copied to and from
    a temporary folder of the worker. Workers on several machines all need to see them.

    Args:
      indexer: folder that `Indexer.save` wrote.
      vectors: patterns of shards, `.parquet` or `.tfrecord`, as `read_shard` takes
        them. The table has the order of the patterns, and of the names within one.
      out: folder of the table, for `CodeTable.load`.
      batch_size: vectors that a worker encodes at a time.
      num_workers: processes of the DirectRunner, or first workers on Dataflow; None
        leaves it to the runner and `beam_flags`.
      beam_flags: command line flags of Beam, such as `--runner=FlinkRunner`.

    Returns:
      What was done.

    Raises:
      ValueError: if there are no shards, if one has another name than a shard's, if
        there is no indexer, or if `out` holds anything else. What goes wrong in a
        worker the runner raises in its own way.
    """
    shards = matching_files(vectors)
    for shard in shards:
        check_shard_name(shard.rsplit("/", 1)[-1])
    with tempfile.TemporaryDirectory() as scratch:
        _parts_folder(out, len(shards), Path(scratch) / "out")
        saved = local_folder(indexer, Path(scratch) / "indexer")
        if not saved.exists():
            raise ValueError(f"There is no indexer at {indexer}.")
        checksum = artefact_sha256(saved, INDEXER_KIND)
    maker = _PartMaker(indexer, checksum, out, len(shards), batch_size)

    pipeline = beam.Pipeline(options=_options(num_workers, beam_flags))
    made = (
        pipeline
        | "Shards" >> beam.Create(list(enumerate(shards)))
        | "Spread" >> beam.Reshuffle()
        | "Encode" >> beam.ParDo(maker).with_outputs("ids", main="parts")
    )
    repeated = (
        made.ids
        | "GroupIds" >> beam.GroupByKey()
        | "FindRepeated" >> beam.FlatMap(_repeated_items)
    )
    _ = (
        pipeline
        | "Once" >> beam.Create([out])
        | "Finish"
        >> beam.Map(
            _finish,
            num_parts=len(shards),
            parts=beam.pvalue.AsList(made.parts),
            repeated=beam.pvalue.AsList(repeated),
        )
    )
    result = pipeline.run()
    state = result.wait_until_finish()
    if state != PipelineState.DONE:
        raise RuntimeError(
            f"The pipeline must end as {PipelineState.DONE}. Received: {state}. See "
            "the log of its runner; what it finished is kept when it is started again."
        )
    counts = {
        counter.key.metric.name: counter.result
        for counter in result.metrics().query(MetricsFilter().with_namespace(_METRICS))[
            "counters"
        ]
    }
    return EncodedCatalogue(
        len(shards), counts.get("parts_made", 0), counts.get("items", 0)
    )


def _options(num_workers: int | None, beam_flags: Sequence[str]) -> PipelineOptions:
    flags = list(beam_flags)
    if num_workers is not None:
        flags.append(f"--num_workers={num_workers}")
        runner = PipelineOptions(flags).view_as(StandardOptions).runner
        if runner in (None, "DirectRunner"):
            flags += [
                f"--direct_num_workers={num_workers}",
                "--direct_running_mode=multi_processing",
            ]
    return PipelineOptions(flags)


class _PartMaker(beam.DoFn):
    """Makes the part of a shard: (index, path) to the part's name and its ids."""

    def __init__(
        self, indexer: str, checksum: str, out: str, num_parts: int, batch_size: int
    ):
        self._indexer = indexer
        self._checksum = checksum
        self._out = out
        self._num_parts = num_parts
        self._batch_size = batch_size
        self._shared = Shared()  # by the threads of a process
        self._made = Metrics.counter(_METRICS, "parts_made")

    def setup(self) -> None:
        self._encoder = self._shared.acquire(self._load)

    def _load(self) -> ShardEncoder:
        with tempfile.TemporaryDirectory() as scratch:
            folder = local_folder(self._indexer, Path(scratch) / "indexer")
            encoder = ShardEncoder.load(folder, self._batch_size)
        if encoder.indexer_sha256 != self._checksum:
            raise ValueError(
                f"All workers must read the same indexer from {self._indexer}, with "
                f"checksum {self._checksum}. Received: {encoder.indexer_sha256}. Was "
                "it replaced after the start?"
            )
        return encoder

    def process(self, element: tuple[int, str]) -> Iterator[Any]:
        index, shard = element
        name = part_name(index, self._num_parts)
        path = child(self._out, name)
        with tempfile.TemporaryDirectory() as scratch:
            folder = local_folder(path, Path(scratch) / "part")
            part, made = self._encoder.make_part(
                local_file(shard, Path(scratch) / "shard"), folder
            )
            if made and is_remote(path):
                publish(folder, path)
        self._made.inc(int(made))
        _LOGGER.info(
            "%s: %s, %d items of %s", name, "made" if made else "kept", len(part), shard
        )
        yield name
        hashes = [zlib.crc32(item_id.encode()) for item_id in part.item_ids.tolist()]
        buckets = np.array(hashes, np.int64) % self._num_parts
        for bucket in np.unique(buckets).tolist():
            ids = part.item_ids[buckets == bucket]
            yield beam.pvalue.TaggedOutput("ids", (bucket, (name, ids)))


def _repeated_items(
    element: tuple[int, Iterable[tuple[str, np.ndarray]]],
) -> Iterator[tuple[int, dict[str, list[str]]]]:
    """Number of items that are in several parts, and the first few of them."""
    _, parts = element
    repeated = items_in_several(sorted(parts, key=lambda part: part[0]))
    if repeated:
        yield len(repeated), dict(list(repeated.items())[:5])


def _finish(
    out: str,
    num_parts: int,
    parts: list[str],
    repeated: list[tuple[int, dict[str, list[str]]]],
) -> None:
    """Writes the table's manifest, when all parts are there."""
    if repeated:
        few = {item: names for _, some in repeated for item, names in some.items()}
        raise repeated_items_error(
            out, dict(sorted(few.items())), sum(count for count, _ in repeated)
        )
    with tempfile.TemporaryDirectory() as scratch:
        folder = _parts_folder(out, num_parts, Path(scratch))
        if folder != Path(out):
            for name in parts:
                local_file(child(out, name, MANIFEST), folder / name)
        try:
            items = write_parts_manifest(folder, num_parts)
        except ArtefactError as error:
            raise ArtefactError(
                f"The parts of {out} are not all there. {error} Workers on several "
                "machines need a folder that all of them see."
            ) from error
        if folder != Path(out):
            publish_file(folder / MANIFEST, out)
    Metrics.counter(_METRICS, "items").inc(items)


def _parts_folder(out: str, num_parts: int, scratch: Path) -> Path:
    """The table's folder, checked; for a remote one, a local one with its manifest."""
    if not is_remote(out):
        check_parts_folder(out, num_parts)
        return Path(out)
    check_division(out, part_names(out), num_parts)
    folder = local_folder(out, scratch)
    check_parts_folder(folder, num_parts)
    return folder
