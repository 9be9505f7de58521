"""Keeps the vectors of a long embedding as they come, so that a kill costs little."""

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from moc_tf._artefact import ArtefactError, read_artefact, write_artefact

_KIND = "vector_chunk"


class VectorChunks:
    """Parts of an array of vectors, each an artefact in one folder.

        000000/   rows and vectors of the first part, with a manifest written last
        000001/   and so on

    Args:
      folder: of these parts and nothing else; made with the first. Its name should
        tell by which settings the vectors were made, for nothing else does.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._next = 1 + max((int(path.name) for path in self._paths()), default=-1)

    def save(self, rows: np.ndarray, vectors: np.ndarray) -> None:
        """Keeps a part.

        Args:
          rows: int64 [vectors], where they belong in the whole array.
          vectors: [vectors, dims].
        """
        arrays = {"rows": rows, "vectors": vectors}
        write_artefact(self._folder / f"{self._next:06d}", _KIND, arrays, {})
        self._next += 1

    def read(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows and vectors of each part, verified.

        A part whose writing was interrupted is removed. So is, with a warning, one
        that was damaged since: its rows are missing from what is read.
        """
        for path in self._paths():
            try:
                arrays, _ = read_artefact(path, _KIND)
            except ArtefactError as error:
                if (path / "manifest.json").exists():
                    warnings.warn(
                        f"{error} The part is removed, and its texts are embedded "
                        "again.",
                        stacklevel=2,
                    )
                shutil.rmtree(path)
                continue
            yield arrays["rows"], arrays["vectors"]

    def _paths(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted(p for p in self._folder.iterdir() if p.name.isdecimal())
