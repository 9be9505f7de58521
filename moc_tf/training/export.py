"""Writes trained rankers as SavedModels that take raw ids."""

import dataclasses
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from moc_tf import __version__
from moc_tf._artefact import plain_json
from moc_tf.code_table import CodeTable
from moc_tf.data.serving_data import ServingData
from moc_tf.data.vocabulary import Vocabulary
from moc_tf.indexing import GraphEncoder, Indexer
from moc_tf.ranking import Ranker
from moc_tf.ranking.precision import built_in
from moc_tf.training.run_directory import write_text
from moc_tf.training.served_ranker import ServedRanker, item_vector_of
from moc_tf.training.serving_record import ServingRecord

# Where TensorFlow leaves room for files of others in a SavedModel.
_MARKER = Path("assets.extra") / "moc_tf_export.json"


class ExportError(ValueError):
    """A ranker cannot be exported, or not to this place."""


@dataclasses.dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
      path: folder of the SavedModel.
      about: what was exported, in a line.
      signatures: name -> name of an input -> its shape, without the batch.
      without_vectors: why there is no signature that takes item vectors; "" if there
        is one.
      known: number of known ids by name of input, "user" and "item".
      example: an id of each that is known.
    """

    path: Path
    about: str
    signatures: Mapping[str, Mapping[str, tuple[int, ...]]]
    without_vectors: str
    known: Mapping[str, int]
    example: Mapping[str, str]


def export_run(
    run: str | os.PathLike[str],
    path: str | os.PathLike[str],
    vectors: bool | None = None,
) -> Export:
    """Writes the ranker of a finished run as a SavedModel; see `export_ranker`.

    Args:
      run: the run's folder, as `Comparison` writes it.
      path: folder to write to; see `export_ranker`.
      vectors: whether to add the signature that takes item vectors; None adds it if
        the method can encode in a graph, or the ranker reads the vectors themselves.

    Raises:
      ExportError: if there is no run, it is not finished, what its ranker needs beside
        the weights is missing or altered, or `vectors` is true and its ranker can make
        nothing of a vector.
    """
    run = Path(run)
    config = _finished_config(run)
    try:
        record = ServingRecord.read(run)
    except ValueError as error:
        raise ExportError(str(error)) from error
    ranker = _trained(record, run)
    encoder, reason = None, "It was not asked for."
    if vectors is not False:
        try:
            encoder, reason = GraphEncoder(record.load_indexer()), ""
        except ValueError as error:
            reason = "" if item_vector_of(ranker.schema) else str(error)
            if vectors and reason:
                raise ExportError(f"Item vectors cannot be served. {error}") from error
    written = _write(
        ranker,
        ServingData.load(record.data),
        path,
        record.load_table(),
        encoder,
        {"run": config},
        takes_vectors=vectors is not False,
    )
    method, seed = config["method"], config["seed"]
    about = (
        f"{config['ranker']['model']} on {config['dataset']}, method {method['name']} "
        f"with {method['num_codes']} codes, seed {seed}"
    )
    return dataclasses.replace(written, about=about, without_vectors=reason)


def export_ranker(
    ranker: Ranker,
    data: ServingData,
    path: str | os.PathLike[str],
    table: CodeTable | None = None,
    indexer: Indexer | None = None,
) -> Export:
    """Writes a SavedModel that serves raw ids, and needs no moc_tf to do so.

    Its signatures are those of `ServedRanker`: `serving_default` takes strings `user`
    and `item`, [batch]; `with_item_vectors` also `item_vector`, float32 [batch, X].
    Both return `probability` and `logit`, float32 [batch].

    Everything is written to a folder beside `path` and then renamed, so that a server
    finds the whole or nothing; while one export replaces another, for a moment nothing.
    One writer at a time.

    Args:
      ranker: trained.
      data: vocabularies and item features of its training data.
      path: folder to write to. An earlier export there is replaced; nothing else is.
      table: codes of the items, if the ranker reads codes.
      indexer: the one that made them, for codes of items that the table lacks; None
        leaves `with_item_vectors` out, unless the ranker reads the vectors themselves.

    Raises:
      ExportError: if `path` holds anything but an export.
      ValueError: if the parts do not fit one another, or the indexer's method cannot
        encode in a graph.
    """
    encoder = None if indexer is None else GraphEncoder(indexer)
    return _write(ranker, data, path, table, encoder, {})


def _write(
    ranker: Ranker,
    data: ServingData,
    path: str | os.PathLike[str],
    table: CodeTable | None,
    encoder: GraphEncoder | None,
    about: Mapping[str, Any],
    takes_vectors: bool = True,
) -> Export:
    target = Path(os.path.abspath(path))
    _check_replaceable(target)
    served = ServedRanker(ranker, data, table, encoder, takes_vectors)
    partial = target.with_name(f".{target.name}.moc_tf-partial")
    shutil.rmtree(partial, ignore_errors=True)  # of an export that was broken off
    tf.saved_model.save(served, str(partial), signatures=served.functions)
    signatures = {
        name: {
            key: tuple(spec.shape[1:])
            for key, spec in function.structured_input_signature[1].items()
        }
        for name, function in served.functions.items()
    }
    made_of = {
        "moc_tf_version": __version__,
        "tensorflow_version": tf.__version__,
        "signatures": signatures,
        "schema": ranker.schema.to_config(),
        "serving_data_sha256": data.sha256(),
        "codes_sha256": None if table is None else table.sha256(),
        **about,
    }
    text = json.dumps(plain_json(made_of, "the export's description"), indent=2)
    (partial / _MARKER).parent.mkdir()
    write_text(partial / _MARKER, f"{text}\n")
    _move(partial, target)
    users = data.vocabularies.get("user", Vocabulary([])).values
    known = {"user": users, "item": data.item_ids}
    return Export(
        path=target,
        about=f"a ranker of {[feature.name for feature in ranker.schema.features]}",
        signatures=signatures,
        without_vectors=(
            "" if "with_item_vectors" in signatures else "No indexer was given."
        ),
        known={name: len(ids) for name, ids in known.items()},
        example={name: str(ids[0]) for name, ids in known.items() if len(ids)},
    )


def _check_replaceable(target: Path) -> None:
    """Raises ExportError if writing to `target` would lose something."""
    if not target.exists():
        return
    if not target.is_dir():
        raise ExportError(
            f"A SavedModel is a folder, and {target} is a file. Choose another path."
        )
    found = sorted(file.name for file in target.iterdir())
    if found and not (target / _MARKER).is_file():
        raise ExportError(
            f"{target} is not empty and holds no export of a ranker, so nothing was "
            f"written. Found: {found[0]!r}. Choose an empty or a new folder."
        )


def _move(partial: Path, target: Path) -> None:
    """Puts `partial` in the place of `target`."""
    replaced = target.with_name(f".{target.name}.moc_tf-replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    if target.exists():
        os.replace(target, replaced)
    os.replace(partial, target)
    shutil.rmtree(replaced, ignore_errors=True)


def _finished_config(run: Path) -> dict[str, Any]:
    """The configuration of a run, which must be finished."""
    if not (run / "config.json").is_file():
        raise ExportError(
            f"{run} is not the folder of a run: it has no config.json. Runs are the "
            "folders runs/<model>/<method>/<fusion>/seed-... of a comparison's workdir."
        )
    if not (run / "result.json").is_file():
        raise ExportError(
            f"The run {run} is not finished: it has no result.json, which is written "
            "last. Start the comparison again, which goes on with what is left."
        )
    return json.loads((run / "config.json").read_text(encoding="utf-8"))


def _trained(record: ServingRecord, run: Path) -> Ranker:
    """The ranker of a run with the weights of its checkpoint."""
    with built_in(record.precision):
        ranker = Ranker.from_config(dict(record.model))
        ranker.build()
    checkpoint = tf.train.Checkpoint(model=ranker)
    try:
        status = checkpoint.read(str(run / "checkpoint" / "model"))
        status.assert_existing_objects_matched()
        status.expect_partial()  # earlier runs kept the optimizer as well
    except (tf.errors.OpError, AssertionError, ValueError) as error:
        raise ExportError(
            f"The weights in {run / 'checkpoint'} cannot be read into the ranker that "
            f"the run describes: {error} Remove its result.json and train again."
        ) from error
    return ranker
