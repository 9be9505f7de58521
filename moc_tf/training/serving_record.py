"""What a run keeps so that its ranker can be served: serving.json beside the result."""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moc_tf._artefact import ArtefactError, artefact_sha256, discard_artefact
from moc_tf.code_table import CodeTable
from moc_tf.data.ranking_data import RankingData
from moc_tf.data.serving_data import ServingData
from moc_tf.indexing import Indexer, load_indexer
from moc_tf.indexing.indexer import INDEXER_KIND
from moc_tf.ranking import Ranker
from moc_tf.training.folder_lock import only_one
from moc_tf.training.run_directory import json_ready, write_text

SERVING_FILE = "serving.json"


@dataclasses.dataclass(frozen=True)
class ServingRecord:
    """Where that lies which a ranker needs beside its weights.

    Attributes:
      model: configuration of the ranker, as `Ranker.get_config` gives it.
      precision: name of the Keras policy that it was made under.
      data: folder of the `ServingData`.
      codes: folder of the code table; None if the ranker reads no codes.
      shuffled_seed: of the items that the codes were dealt out to, if they were.
      indexer: folder of the indexer that made the codes, if one did.
    """

    model: Mapping[str, Any]
    precision: str
    data: Path
    codes: Path | None = None
    shuffled_seed: int | None = None
    indexer: Path | None = None

    @classmethod
    def of(cls, ranker: Ranker, data: Path, **folders: Any) -> "ServingRecord":
        """The record of a trained ranker; `folders` are further attributes."""
        return cls(ranker.get_config(), ranker.dtype_policy.name, data, **folders)

    def write(self, run: Path) -> None:
        """Writes the record into the folder `run`; folders are named relative to it.

        So the whole working folder can be moved. Checksums of what the folders hold are
        written as well.
        """
        values = {
            field.name: getattr(self, field.name) for field in dataclasses.fields(self)
        }
        for name in _FOLDERS:
            if values[name] is not None:
                path = os.path.relpath(values[name], run)
                values[name] = {
                    "path": Path(path).as_posix(),
                    "sha256": _CHECKSUMS[name](values[name]),
                }
        text = json.dumps(json_ready(values), indent=2, allow_nan=False)
        write_text(run / SERVING_FILE, f"{text}\n")

    @classmethod
    def read(cls, run: Path) -> "ServingRecord":
        """Reads what `write` wrote and verifies the checksums.

        Raises:
          ValueError: if the run has no record, or a folder is missing, damaged, or not
            what it was.
        """
        try:
            values = json.loads((run / SERVING_FILE).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError) as error:
            raise ValueError(
                f"{run} has no {SERVING_FILE} that can be read, which says what is "
                "needed to serve the run's ranker. Runs of a suite keep none, nor do "
                "those of an earlier moc_tf. Remove its result.json and train it again "
                "by `train_ranker`; the codes are kept."
            ) from error
        for name in _FOLDERS:
            if values[name] is None:
                continue
            path = Path(os.path.normpath(run / values[name]["path"]))
            try:
                found = _CHECKSUMS[name](path)
            except ArtefactError as error:
                raise ValueError(
                    f"What the ranker of {run} needs cannot be read from {path}, where "
                    f"{SERVING_FILE} says it lies: {error} Runs are moved or copied "
                    "together with the whole working folder they lie in."
                ) from error
            if found != values[name]["sha256"]:
                raise ValueError(
                    f"{path} no longer holds what the ranker of {run} was trained "
                    f"with, whose checksum is {values[name]['sha256']}. Received: "
                    f"{found}. Remove the run's result.json and train again."
                )
            values[name] = path
        return cls(**values)

    def load_table(self) -> CodeTable | None:
        """The codes that the ranker reads, if it reads any."""
        if self.codes is None:
            return None
        table = CodeTable.load(self.codes)
        seed = self.shuffled_seed
        return table if seed is None else table.shuffled(seed)

    def load_indexer(self) -> Indexer:
        """The indexer, for codes of vectors that the table lacks.

        Raises:
          ValueError: if there is none whose codes the ranker would understand.
        """
        if self.codes is None:
            raise ValueError(
                "This ranker reads no codes, so there are none to make of the vector "
                "of an item."
            )
        if self.shuffled_seed is not None:
            raise ValueError(
                "This ranker reads codes that were dealt out to other items, so those "
                "of a vector tell it nothing."
            )
        if self.indexer is None:
            raise ValueError(
                "This ranker reads a code table that was given, and the indexer that "
                f"made it is not known. Received: {self.load_table()}."
            )
        return load_indexer(self.indexer)


def keep_serving_data(data: RankingData, workdir: Path) -> Path:
    """Writes the `ServingData` of a data set under `workdir`, unless it is there.

    Returns:
      Its folder, whose name has the checksum of its content.
    """
    serving = ServingData.of(data)
    path = workdir / "serving" / serving.sha256()[:16]
    with only_one(workdir, path):
        try:
            if path.exists() and ServingData.load(path).sha256() == serving.sha256():
                return path
        except ArtefactError:
            discard_artefact(path)
        serving.save(path)
    return path


def keep_table(table: CodeTable, workdir: Path, folder: str) -> Path:
    """Writes a code table that was given under `codes/<folder>`, unless it is there."""
    path = workdir / "codes" / folder / f"given-{table.sha256()[:8]}"
    with only_one(workdir, path):
        try:
            if path.exists() and CodeTable.load(path) == table:
                return path
        except ArtefactError:
            discard_artefact(path)
        table.save(path)
    return path


_FOLDERS = ("data", "codes", "indexer")
_CHECKSUMS: Mapping[str, Any] = {
    "data": lambda path: ServingData.load(path).sha256(),
    "codes": lambda path: CodeTable.load(path).sha256(),
    "indexer": lambda path: artefact_sha256(path, INDEXER_KIND),
}
