"""The codes of a comparison's methods: given, or made once and then read."""

import dataclasses
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from moc_tf._artefact import DamagedArtefactError, discard_artefact, read_artefact
from moc_tf.code_table import CodeTable
from moc_tf.data.ranking_data import RankingData
from moc_tf.data.vectors import ItemVectors
from moc_tf.identifiers import preview
from moc_tf.indexing import (
    AutoencoderIndexer,
    Indexer,
    index_items,
    load_indexer,
    make_indexer,
    method_options,
)
from moc_tf.indexing.indexer import INDEXER_KIND
from moc_tf.training.environment import package_versions
from moc_tf.training.folder_lock import only_one
from moc_tf.training.methods import CONTROLS, SHUFFLED, Method
from moc_tf.training.run_directory import EpochLogger, digest
from moc_tf.training.serving_record import keep_table

Read = TypeVar("Read")


class MethodCodes:
    """Fits indexers on the items of the training part and encodes all items.

    Protocols of one data set share what is made, as long as the training part has the
    same items. Folders under `workdir`, which end in a digest of all settings:

        codes/<method>/seed-<seed>-<digest>/                 the code table
        indexers/<method>/seed-<seed>-<digest>/              the indexer behind it
        indexer_logs/<method>/seed-<seed>-<digest>/          its losses by epoch
        indexer_checkpoints/<method>/seed-<seed>-<digest>/   how far its fit is, until
                                                             the code table is there

    Args:
      data: whose training part tells what to fit on.
      items: vectors, in the order of the data's catalogue.
      options: settings of the indexers, but for `num_codebooks` and `seed`; each
        method takes those that it has.
      workdir: where everything is written.
      tables: code tables that are given, by method name.

    Attributes:
      vectors_sha256: checksum of `items`.

    Raises:
      ValueError: if a table has the name of a method without codes.
    """

    def __init__(
        self,
        data: RankingData,
        items: ItemVectors,
        options: Mapping[str, Any],
        workdir: Path,
        tables: Mapping[str, CodeTable],
    ):
        self._data = data
        self._training_items_sha256 = data.training_items_sha256()
        self._items = items
        self.vectors_sha256 = items.sha256()
        self._options = dict(options)
        self._workdir = workdir
        self._tables = dict(tables)
        self._given: dict[str, Path] = {}  # where these are kept
        if taken := sorted(self._tables.keys() & set(CONTROLS)):
            raise ValueError(
                f"The names {list(CONTROLS)} stand for methods without codes. "
                f"Received: code tables named {taken}. Give them other names."
            )

    def check(self, method: Method, with_codebooks: bool) -> None:
        """Raises ValueError unless `table`, and `codebooks` if wanted, can be had."""
        if not method.has_codes:
            return
        given = self._tables.get(method.name)
        if given is not None:
            fields = given.num_codebooks * given.tables_per_code
            if fields != method.num_codes:
                raise ValueError(
                    f"Method {method.name!r} must have as many codes as its table, "
                    f"{fields}. Received: {method.num_codes}."
                )
            absent = np.setdiff1d(self._data.item_ids, given.item_ids)
            if len(absent):
                raise ValueError(
                    f"The code table given for {method.name!r} must have codes of all "
                    f"{len(self._data.item_ids):,} items of the catalogue, and lacks "
                    f"{len(absent):,} of them. Received: {given}, without "
                    f"{preview(absent)}. Add them with CodeTable.extend and the "
                    "indexer that made the table, or make one of all items."
                )
        decodes = given is None and self.indexer(method, seed=0).decodes
        if with_codebooks and not decodes:
            raise ValueError(
                "Code tables can start from codebooks only where an indexer of this "
                "comparison has learned them. Received: code_start='codebooks' for "
                f"{method.name!r}, {'a given table' if given else 'which has none'}."
            )

    def identity(self, method: Method, seed: int) -> dict[str, Any]:
        """What the codes of a run depend on, beside data and vectors."""
        if not method.has_codes:
            return {}
        if method.name in self._tables:
            return {"codes_sha256": self._tables[method.name].sha256()}
        return {"indexer": dataclasses.asdict(self.indexer(method, seed).config)}

    def indexer(self, method: Method, seed: int) -> Indexer:
        """The indexer of `method`, not fitted.

        Raises:
          ValueError: if the method is none of indexing, or its settings do not fit.
        """
        asked = {"num_codebooks": method.num_codes, "seed": seed}
        return make_indexer(method.name, **{**self.options(method), **asked})

    def options(self, method: Method) -> dict[str, Any]:
        """Settings that the indexer of `method` takes; none if it has no indexer."""
        if not method.has_codes or method.name in self._tables:
            return {}
        known = method_options(method.name)
        options = {k: v for k, v in self._options.items() if k in known}
        if method.name != "moc":  # a single codebook has no other to differ from
            options.pop("diversity_weight", None)
        return options | dict(method.indexer_options)

    def table(self, method: Method, seed: int) -> CodeTable | None:
        """The codes of all items, read if they are there; None for a control.

        A fit that was broken off goes on where the method can; see `Indexer.fit`.
        """
        if not method.has_codes:
            return None
        plain = _plain(method)
        table = self._tables.get(method.name) or self._made(plain, seed)
        return table if plain == method else table.shuffled(seed)

    def _made(self, method: Method, seed: int) -> CodeTable:
        folders = self.folders(method, seed)
        with only_one(self._workdir, folders["codes"]):  # of the processes that want it
            table = _sound(folders["codes"], CodeTable.load)
            behind = _sound(folders["indexer"], _read_indexer)
            if table is None or behind is None:
                indexer = self._fitted(method, seed)
                indexer.save(folders["indexer"])
                provenance = {"training_items_sha256": self._training_items_sha256}
                table = index_items(indexer, self._items, provenance)
                table.save(folders["codes"])
            checkpoint = self._checkpoint(method, seed)
            shutil.rmtree(checkpoint, ignore_errors=True)
        return table

    def _fitted(self, method: Method, seed: int) -> Indexer:
        indexer = self.indexer(method, seed)
        source = self._source(method)
        if source != method:
            self._made(source, seed)
            assert isinstance(indexer, AutoencoderIndexer)
            fitted = load_indexer(self.folders(source, seed)["indexer"])
            return indexer.adopt(fitted)
        log = self._workdir / "indexer_logs" / self._place(method, seed)
        return indexer.fit(
            self._items.vectors[self._data.training_items],
            callbacks=[EpochLogger(log)],
            checkpoint=self._checkpoint(method, seed),
        )

    def _source(self, method: Method) -> Method:
        """The method whose fit serves: of "me", "vq", unless that name is given."""
        if method.name == "me" and "vq" not in self._tables:
            return Method("vq", 1)
        return method

    def _checkpoint(self, method: Method, seed: int) -> Path:
        return self._workdir / "indexer_checkpoints" / self._place(method, seed)

    def fit_path(self, method: Method, seed: int) -> Path | None:
        """The folder of the indexer that is fitted for `method`; None without one."""
        if not method.has_codes or method.name in self._tables:
            return None
        return self.folders(self._source(_plain(method)), seed)["indexer"]

    def codebooks(self, method: Method, seed: int) -> np.ndarray:
        """Codebooks of the indexer that made the codes, float32 [N, K, D]."""
        return load_indexer(self.folders(method, seed)["indexer"]).codebooks

    def keep_given(self, methods: Iterable[Method]) -> None:
        """Writes the given tables of `methods` where `folders` says they lie."""
        self._given = {
            method.name: keep_table(table, self._workdir, method.folder)
            for method in methods
            if (table := self._tables.get(method.name))
        }

    def folders(self, method: Method, seed: int) -> dict[str, Path]:
        """Folders of the "codes" and, if they were not given, of the "indexer"."""
        if not method.has_codes:
            return {}
        if method.name in self._given:
            return {"codes": self._given[method.name]}
        place = self._place(method, seed)
        return {
            "codes": self._workdir / "codes" / place,
            "indexer": self._workdir / "indexers" / place,
        }

    def _place(self, method: Method, seed: int) -> Path:
        """Of an indexer and its codes, below the folders of each."""
        made_of = {
            "method": method.name,
            "configuration": dataclasses.asdict(self.indexer(method, seed).config),
            "training_items_sha256": self._training_items_sha256,
            "vectors_sha256": self.vectors_sha256,
            "package_versions": package_versions(),
        }
        return Path(method.folder) / f"seed-{seed}-{digest(made_of)}"


def _plain(method: Method) -> Method:
    """The method whose codes `method` deals out to other items, or itself."""
    is_shuffled = method.variant == SHUFFLED
    return dataclasses.replace(method, variant="") if is_shuffled else method


def _sound(path: Path, read: Callable[[Path], Read]) -> Read | None:
    """What `read` gives of the artefact at `path`; None if it must be made again.

    One that is damaged, as an interruption may leave it, is removed.
    """
    if not path.exists():
        return None
    try:
        return read(path)
    except DamagedArtefactError:
        discard_artefact(path)
        return None


def _read_indexer(path: Path) -> Any:
    """All that an indexer's folder holds, verified, at less cost than an indexer."""
    return read_artefact(path, INDEXER_KIND)
