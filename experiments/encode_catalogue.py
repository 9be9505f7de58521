r"""Codes of a catalogue in many shards, on Apache Beam.

    python -m experiments.encode_catalogue --indexer=runs/items/indexer \
        --vectors='vectors/*.parquet' --out=runs/catalogue --num_workers=2

Shards are .parquet (columns item_id and embedding) or .tfrecord, also
.tfrecord-00000-of-00016 (tf.train.Example with item_id, bytes, and embedding, floats).
Writes part k of the table from shard k, and <out>/manifest.json last of all;
`moc_tf.CodeTable.load` reads the whole, `CodeTable.iter_parts` a part at a time.
Started again, after a crash or with new shards, it keeps every part that is whole and
was made from the same bytes with the same indexer, and makes the others.

All other flags are Beam's, such as --runner, --project, --region or --flink_master;
`--runner=DirectRunner`, the default, is this machine. Workers on other machines need
the library (--sdk_container_image, or --setup_file=pyproject.toml with
--requirements_file=requirements-beam.txt) and must all see the paths: a shared folder,
or a file system of Beam such as gs:// (with apache-beam[gcp]). Artefacts on the latter
are copied through a worker's temporary folder, and must be copied to a local folder
before `CodeTable.load` reads them.

Needs the packages of requirements-beam.txt, in an environment of their own.
"""

from absl import app, flags

_INDEXER = flags.DEFINE_string(
    "indexer", None, "Folder of a saved indexer.", required=True
)
_VECTORS = flags.DEFINE_list(
    "vectors",
    None,
    "Shards of item vectors: patterns, separated by commas.",
    required=True,
)
_OUT = flags.DEFINE_string("out", None, "Folder of the code table.", required=True)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 4096, "Vectors that a worker holds at a time."
)
_NUM_WORKERS = flags.DEFINE_integer(
    "num_workers", None, "Processes of the DirectRunner, or first workers on Dataflow."
)


def main(arguments: list[str]) -> None:
    """Encodes the shards that are not encoded yet, and prints what was done."""
    from moc_tf.indexing.beam_encoding import encode_catalogue

    done = encode_catalogue(
        _INDEXER.value,
        _VECTORS.value,
        _OUT.value,
        _BATCH_SIZE.value,
        _NUM_WORKERS.value,
        beam_flags=arguments[1:],
    )
    print(
        f"Wrote {_OUT.value}: {done.items:,} items in {done.parts} parts, of which "
        f"{done.parts_made} were made and {done.parts - done.parts_made} kept."
    )


def _own_flags(arguments: list[str]) -> list[str]:
    """Parses the flags defined here; returns the others, for Beam."""
    flags.FLAGS.set_gnu_getopt()  # own flags may come after those of Beam
    try:
        return flags.FLAGS(arguments, known_only=True)
    except flags.Error as error:  # which absl tells of where it parses itself
        app.usage(shorthelp=True, detailed_error=error)
        raise SystemExit(1) from error


if __name__ == "__main__":
    app.run(main, flags_parser=_own_flags)
