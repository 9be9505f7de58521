"""What there is to measure of the codes of methods, measured once and kept."""

import dataclasses
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from moc_tf.data.ranking_data import RankingData
from moc_tf.data.vectors import ItemVectors
from moc_tf.evaluation import cluster_agreement, label_information
from moc_tf.indexing import CodeQuality
from moc_tf.indexing.kmeans import kmeans_clusters
from moc_tf.training.environment import package_versions
from moc_tf.training.folder_lock import only_one
from moc_tf.training.method_codes import MethodCodes
from moc_tf.training.methods import Method
from moc_tf.training.run_directory import RunDirectory, digest, json_ready

_CLUSTER_SEED = 0


class CodeFigures:
    """Measures the codes that rankers read: error, redundancy, discriminability.

    Folders under `workdir`, beside those of `MethodCodes`, which makes the codes or
    finds those of an earlier comparison:

        code_figures/<method>/seed-<seed>-<digest>/   the figures; see `RunDirectory`
        clusters/<digest>.npy                         the vectors' clusters

    Args:
      data: log and catalogue; codes are fitted on the items of its training part.
      vectors: of the catalogue's items.
      options: settings of the indexers; see `MethodCodes`.
      workdir: where everything is written.
      num_clusters: of the raw vectors, by k-means.

    Raises:
      ValueError: if an item has no vector; of its methods, if a method has no codes.
    """

    def __init__(
        self,
        data: RankingData,
        vectors: ItemVectors,
        options: Mapping[str, Any],
        workdir: Path,
        num_clusters: int,
    ):
        self._data = data
        self._items = ItemVectors(data.item_ids, vectors.aligned_to(data.item_ids))
        self._workdir = workdir
        self._num_clusters = num_clusters
        self._codes = MethodCodes(data, self._items, options, workdir, {})

    def run_id(self, method: Method, seed: int) -> str:
        """The folder of figures in `workdir`: alike wherever all they depend on is."""
        path = self._directory(method, seed).path
        return path.relative_to(self._workdir).as_posix()

    def finished(self, method: Method, seed: int) -> dict[str, Any] | None:
        """The figures, if they have been measured."""
        return self._directory(method, seed).finished_result()

    def measure(self, method: Method, seed: int) -> dict[str, Any]:
        """The figures, measured unless they have been.

        Of several processes that ask for the same, one measures and the others wait.

        Returns:
          Of all items of the catalogue `CodeQuality.row`, `chance_nmi`, `pairwise_nmi`
          and `ClusterAgreement`; of the rows of the training part `LabelInformation`;
          what they are of; and the `seconds` that codes and figures took.
        """
        directory = self._directory(method, seed)
        with only_one(self._workdir, directory.path):
            figures = directory.finished_result()
            if figures is None:
                directory.start()
                figures = json_ready(self._measured(method, seed))
                directory.finish(None, figures)
        return figures

    def _measured(self, method: Method, seed: int) -> dict[str, Any]:
        started = time.perf_counter()
        table = self._codes.table(method, seed)
        assert table is not None  # as `_directory` has checked
        quality = CodeQuality(**table.manifest["quality"])
        train = self._data.train
        agreement = cluster_agreement(table.codes, self._clusters())
        information = label_information(table.codes, train.item_rows, train.labels)
        return {
            **quality.row(),
            "chance_nmi": quality.chance_nmi,
            **dataclasses.asdict(agreement),
            **dataclasses.asdict(information),
            "pairwise_nmi": quality.pairwise_nmi,
            "codebook_size": table.codebook_size,
            "num_clusters": self._num_clusters,
            "seconds": round(time.perf_counter() - started, 2),
            "data_sha256": self._data.sha256,
            "vectors_sha256": self._codes.vectors_sha256,
            "package_versions": package_versions(),
        }

    def _clusters(self) -> np.ndarray:
        """Cluster of each item, made by the first process and read by all others.

        So that all figures are of the same ones: how many threads search for them may
        change a few.
        """
        made_of = {
            "vectors_sha256": self._codes.vectors_sha256,
            "num_clusters": self._num_clusters,
            "seed": _CLUSTER_SEED,
            "package_versions": package_versions(),
        }
        path = self._workdir / "clusters" / f"{digest(made_of)}.npy"
        with only_one(self._workdir, path):
            if not path.exists():
                found = kmeans_clusters(
                    self._items.vectors, self._num_clusters, _CLUSTER_SEED
                )
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_name(f"{path.stem}.partial.npy")
                np.save(partial, found, allow_pickle=False)
                os.replace(partial, path)
        return np.load(path, allow_pickle=False)

    def _directory(self, method: Method, seed: int) -> RunDirectory:
        if not method.has_codes:
            raise ValueError(
                "Figures of codes are of methods that have some. Received: "
                f"{method.name!r}."
            )
        codes = self._codes.folders(method, seed)["codes"].relative_to(self._workdir)
        config = {
            "codes": codes.as_posix(),  # whose name has a digest of what they are of
            "data_sha256": self._data.sha256,  # of which they tell the labels
            "num_clusters": self._num_clusters,
            "cluster_seed": _CLUSTER_SEED,
        }
        name = f"seed-{seed}-{digest(config)}"
        return RunDirectory(self._workdir / "code_figures" / method.id / name, config)
