"""Item vectors: what an encoder, such as an LLM, says about each item."""

import dataclasses
import functools
import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from moc_tf.data.record_files import reader_of
from moc_tf.identifiers import IdentifierIndex, as_identifiers, preview

_DTYPES = (np.float16, np.float32, np.float64)
_BLOCK_VALUES = 2**22  # 32 MiB of float64: little, and long enough for a fast disk


@dataclasses.dataclass(frozen=True, eq=False)
class ItemVectors:
    """Vectors of items.

    Attributes:
      item_ids: unique strings, [items].
      vectors: finite float16, float32 or float64, [items, dims]. Kept as given, so
        that a memory map stays on disk.

    Raises:
      ValueError: if the vectors are empty, of another rank, dtype or number than the
        ids, or not finite, or if an id occurs twice.
    """

    item_ids: np.ndarray
    vectors: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "item_ids", as_identifiers(self.item_ids, "item ids of vectors")
        )
        object.__setattr__(self, "vectors", np.asanyarray(self.vectors))
        if self.vectors.ndim != 2:
            raise ValueError(
                "Vectors must have rank 2, [items, dims]. Received: shape "
                f"{self.vectors.shape}."
            )
        if self.vectors.dtype not in _DTYPES:
            raise ValueError(
                "Vectors must be float16, float32 or float64 in native byte order. "
                f"Received: dtype {self.vectors.dtype}."
            )
        if len(self.item_ids) != len(self.vectors):
            raise ValueError(
                "There must be one item id a vector. Received: "
                f"{len(self.item_ids)} item ids and {len(self.vectors)} vectors."
            )
        if not self.vectors.size:
            raise ValueError(
                "There must be at least one vector of one dimension. Received: shape "
                f"{self.vectors.shape}."
            )
        _ = self._index  # before any use: raises if an id occurs twice
        self._check_finite()

    def __len__(self) -> int:
        return len(self.item_ids)

    def aligned_to(self, item_ids: npt.ArrayLike) -> np.ndarray:
        """The vectors of `item_ids`, in their order.

        Args:
          item_ids: the wanted items, such as those of a catalogue, [rows].

        Returns:
          [rows, dims] in memory, of the dtype of `vectors`. Vectors of other items
          are left out.

        Raises:
          ValueError: if an item has no vector.
        """
        wanted = as_identifiers(item_ids, "item ids")
        rows = self._index.rows(wanted)
        missing = np.unique(wanted[rows < 0])
        if missing.size:
            raise ValueError(
                f"{missing.size} of {len(np.unique(wanted))} items have no vector: "
                f"{preview(missing)}. Received: vectors of {len(self)} items. Embed "
                "the missing items, or drop them from the catalogue."
            )
        return self.vectors[rows]

    def sha256(self) -> str:
        """SHA-256 over shape, dtype, item ids and values, as 64 hexadecimal digits.

        Reads the vectors block by block, so that a memory map is not loaded whole.
        """
        header = [self.vectors.shape, self.vectors.dtype.str, self.item_ids.tolist()]
        digest = hashlib.sha256(json.dumps(header).encode())
        for _, block in self._blocks():
            digest.update(np.ascontiguousarray(block).data)
        return digest.hexdigest()

    @functools.cached_property
    def _index(self) -> IdentifierIndex:
        return IdentifierIndex(self.item_ids, "item ids of vectors")

    def _blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """First row and rows of each block of at most `_BLOCK_VALUES` values."""
        step = max(1, _BLOCK_VALUES // self.vectors.shape[1])
        for start in range(0, len(self), step):
            yield start, self.vectors[start : start + step]

    def _check_finite(self) -> None:
        for start, block in self._blocks():
            finite = np.isfinite(block)
            if not finite.all():
                row, dim = np.argwhere(~finite)[0]
                raise ValueError(
                    "Vectors must be finite. Received: "
                    f"{block[row, dim]} in dimension {dim} of the vector of item "
                    f"{str(self.item_ids[start + row])!r} (row {start + row}), the "
                    "first such. Embed the item again (float16 overflows above "
                    "65504), or drop it from the catalogue and the vectors."
                )


def load_item_vectors(path: str | os.PathLike[str]) -> ItemVectors:
    """Reads item vectors from a file; nothing in it is ever unpickled.

    Args:
      path: by its suffix, one of

        * `.npz`: the arrays `item_id` [items] and `embedding` [items, dims];
        * `.npy`: [items, dims], which is mapped instead of loaded, with the item ids
          one a line (UTF-8) in `<stem>.item_ids.txt` beside it;
        * `.parquet`: the columns `item_id` and `embedding`, lists of equal length.

    Raises:
      ValueError: if the file is missing, of another kind, damaged, or does not hold
        valid `ItemVectors`. It names the file.
    """
    path = Path(path)
    read = reader_of(path, _READERS, "item vectors")
    try:
        return ItemVectors(*read(path))
    except ValueError as error:
        raise ValueError(f"The item vectors of {path} are unusable. {error}") from error


def _load(path: Path, mmap_mode: Literal["r"] | None = None) -> Any:
    try:
        return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            "The file is damaged, or holds Python objects, which are never unpickled. "
            "Save arrays of numbers and strings with np.save or np.savez."
        ) from error


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    archive = _load(path)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError("The file is a single array. Save it as .npy instead.")
    with archive:
        _check_names("arrays", archive.files)
        item_ids, vectors = (_read_member(archive, name) for name in _NAMES)
    return item_ids, vectors


def _read_member(archive: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    try:
        return archive[name]
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"The array {name!r} cannot be read: {error}. Item ids must be saved as "
            "strings, np.asarray(item_ids, dtype=str), and vectors as floats, never "
            "as Python objects."
        ) from error


def _read_npy(path: Path) -> tuple[np.ndarray, np.ndarray]:
    ids_path = path.with_suffix(".item_ids.txt")
    if not ids_path.is_file():
        raise ValueError(f"There is no file {ids_path}.")
    # Editors on Windows open UTF-8 with a mark that is no part of the first id.
    text = ids_path.read_text(encoding="utf-8-sig")
    item_ids = text.removesuffix("\n").split("\n")
    if "" in item_ids:
        raise ValueError(
            f"{ids_path}, line {item_ids.index('') + 1}, is empty. Expected: one item "
            "id a line."
        )
    vectors = _load(path, mmap_mode="r")
    if not isinstance(vectors, np.ndarray):
        raise ValueError("The file is an archive of arrays. Save it as .npz instead.")
    return np.array(item_ids), vectors


def _read_parquet(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    _check_names("columns", pq.read_schema(path).names)
    table = pq.read_table(path, columns=list(_NAMES))
    for name in _NAMES:
        if table[name].null_count:
            row = pc.index(pc.is_null(table[name]), True).as_py()
            raise ValueError(f"The column {name!r} has no value in row {row} (from 0).")
    item_ids = np.array(table["item_id"].to_pylist())
    kind = table["embedding"].type
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(is_kind(kind) for is_kind in lists):
        raise ValueError(
            f"The column 'embedding' must hold lists of floats. Received: {kind}."
        )
    lengths = pc.list_value_length(table["embedding"]).to_numpy()
    width = int(lengths[0]) if len(lengths) else 0
    if (lengths != width).any():
        row = int(np.argmax(lengths != width))
        raise ValueError(
            f"Vectors must be equally long. Received: {width} values in row 0 and "
            f"{lengths[row]} in row {row} (item {str(item_ids[row])!r})."
        )
    values = pc.list_flatten(table["embedding"])
    if values.null_count:
        row = pc.index(pc.is_null(values), True).as_py() // width
        raise ValueError(
            f"Vectors must be finite. Received: a null in row {row} (item "
            f"{str(item_ids[row])!r}). Embed the item again or drop its row."
        )
    return item_ids, values.to_numpy().reshape(len(item_ids), width)


def _check_names(what: str, names: Sequence[str]) -> None:
    if not set(_NAMES) <= set(names):
        raise ValueError(
            f"The {what} must include 'item_id' and 'embedding'. Received: "
            f"{preview(names) or 'none'}."
        )


_NAMES = ("item_id", "embedding")
_READERS: Mapping[str, Callable[[Path], tuple[np.ndarray, np.ndarray]]] = {
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".parquet": _read_parquet,
}
