"""From a shard of item vectors to a part of a code table."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from moc_tf._artefact import (
    DamagedArtefactError,
    artefact_sha256,
    check_replaceable,
    discard_artefact,
    file_sha256,
    plain_json,
)
from moc_tf.code_table import CodeTable
from moc_tf.code_table_parts import CODE_TABLE_KIND, PART_INPUT
from moc_tf.data.vector_shards import read_shard
from moc_tf.indexing.indexer import INDEXER_KIND, Indexer
from moc_tf.indexing.methods import load_indexer


@dataclasses.dataclass(frozen=True)
class ShardEncoder:
    """Encodes shards of a catalogue with a saved indexer.

    Attributes:
      indexer: a fitted indexer.
      indexer_sha256: checksum of the artefact it was loaded from.
      batch_size: vectors in memory at a time.
    """

    indexer: Indexer
    indexer_sha256: str
    batch_size: int = 4096

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(
                f"batch_size must be at least 1. Received: {self.batch_size}."
            )

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], batch_size: int = 4096
    ) -> "ShardEncoder":
        """An encoder of the indexer in the folder `path`."""
        return cls(load_indexer(path), artefact_sha256(path, INDEXER_KIND), batch_size)

    def make_part(
        self, shard: str | os.PathLike[str], folder: str | os.PathLike[str]
    ) -> tuple[CodeTable, bool]:
        """Makes the part of a shard, unless it is there.

        A part is kept if it verifies and its manifest tells of the same bytes of the
        shard, the same indexer and the same versions of what computes. A damaged or
        incomplete one is made again.

        Args:
          shard: file of item vectors, as `read_shard` takes it.
          folder: the part's folder.

        Returns:
          The part, and whether it had to be made.

        Raises:
          ValueError: if the shard is unusable, naming it, or if `folder` holds
            anything else.
        """
        shard, folder = Path(shard), Path(folder)
        source = {"shard": shard.name, "sha256": file_sha256(shard)}
        manifest = plain_json(
            {
                **self.indexer.describe(),
                "indexer_sha256": self.indexer_sha256,
                PART_INPUT: source,
            },
            "manifest",
        )
        part = _verified_part(folder)
        if part is not None and _content_of(part.manifest) == _content_of(manifest):
            return part, False
        check_replaceable(folder, CODE_TABLE_KIND)
        part = self._encode(shard, manifest)
        part.save(folder)
        return part, True

    def _encode(self, shard: Path, manifest: Mapping[str, Any]) -> CodeTable:
        item_ids = [np.zeros(0, str)]
        codes = [np.zeros((0, self.indexer.codes_per_item), np.int32)]
        try:
            for batch in read_shard(shard, self.batch_size):
                item_ids.append(batch.item_ids)
                codes.append(self.indexer.encode(batch.vectors))
            return CodeTable(
                np.concatenate(item_ids),
                np.concatenate(codes),
                self.indexer.codebook_size,
                manifest,
                self.indexer.tables_per_code,
            )
        except ValueError as error:
            raise ValueError(f"{shard} cannot be encoded. {error}") from error


def _verified_part(folder: Path) -> CodeTable | None:
    if not folder.exists():
        return None
    try:
        return CodeTable.load(folder)
    except DamagedArtefactError:
        discard_artefact(folder, CODE_TABLE_KIND)
        return None


def _content_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A part's manifest but for the name of its shard, which says nothing."""
    source = manifest.get(PART_INPUT, {})
    return {**manifest, PART_INPUT: source.get("sha256")}
