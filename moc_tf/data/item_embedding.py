"""Items to a file of vectors that says what made it, and that survives a kill."""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moc_tf import __version__
from moc_tf._artefact import plain_json
from moc_tf.data.interactions import Catalogue
from moc_tf.data.item_texts import TextTemplate, item_texts
from moc_tf.data.text_embedding import (
    Report,
    TextEncoder,
    VectorDtype,
    encode_in_order,
    longest_first,
)
from moc_tf.data.vector_chunks import VectorChunks
from moc_tf.data.vectors import ItemVectors, load_item_vectors
from moc_tf.identifiers import IdentifierIndex, preview

_FORMAT = "moc_tf item vectors"
_SUFFIXES = (".npz", ".npy")
# Module -> package whose version is recorded where the module is in use.
_PACKAGES = {
    "numpy": "numpy",
    "torch": "torch",
    "transformers": "transformers",
    "sentence_transformers": "sentence-transformers",
    "llm2vec": "llm2vec",
}


def embed_items(
    catalogue: Catalogue,
    encoder: TextEncoder,
    path: str | os.PathLike[str],
    *,
    encoder_info: Mapping[str, Any],
    template: TextTemplate | None = None,
    batch_size: int = 32,
    normalize: bool = True,
    dtype: VectorDtype = "float16",
    report: Report | None = None,
    save_every: float = 30.0,
) -> ItemVectors:
    """Embeds the texts of a catalogue's items and writes a file of item vectors.

    Started again with the same arguments after whatever ended it, it does only what
    is left; a finished file is verified and read. The vectors so far lie in
    `<path>.chunks`, in a folder for each combination of encoder, texts, `normalize`
    and `dtype`: whoever changes one of these starts anew. `<path>.chunks` is removed
    at the end. One process at a time may write to a path.

    Args:
      catalogue: the items.
      encoder: what turns their texts into vectors.
      path: .npz, one file; or .npy, which is mapped instead of loaded when it is read
        and so suits large catalogues, with the ids in `<stem>.item_ids.txt`.
      encoder_info: what tells this encoder from any other, as JSON keeps it: its
        name, revision, pooling and so on.
      template: makes the texts; None is `TextTemplate()`.
      batch_size: texts that the encoder gets at once, sorted by length. May change
        between a kill and the resumption.
      normalize: scale each vector to unit length.
      dtype: of the vectors.
      report: called after each batch.
      save_every: seconds after which finished vectors are kept, at most this much
        work and one batch are lost.

    Returns:
      The vectors of all items in the catalogue's order, as `load_item_vectors(path)`
      gives them. `<path>.manifest.json`, written last, holds `encoder_info`, the
      settings, `texts_sha256` over item ids and texts, `vectors_sha256` as
      `ItemVectors.sha256` has it, and versions of packages.

    Raises:
      ValueError: if an item has no text, the encoder returns something other than one
        finite vector a text, a vector cannot be kept in `dtype`, or `path` holds a
        file that this function did not write.
    """
    path = Path(path)
    _check_path(path, catalogue.item_ids)
    IdentifierIndex(catalogue.item_ids, "item ids")  # raises if one occurs twice
    template = template or TextTemplate()
    texts = item_texts(catalogue, template)
    settings = {
        "encoder": plain_json(encoder_info, "encoder_info"),
        "normalize": bool(normalize),
        "dtype": dtype,
        "texts_sha256": _texts_sha256(catalogue.item_ids, texts),
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    chunks_folder = path.with_name(f"{path.name}.chunks")
    manifest = _read_manifest(path, unfinished=chunks_folder.exists())
    own_chunks = chunks_folder / digest
    if manifest is not None and manifest["settings_sha256"] == digest:
        vectors = _verified(path, manifest)
        # They are there if a kill came between the manifest and their removal. Those
        # of other settings may be the work of an embedding that is to go on.
        shutil.rmtree(own_chunks, ignore_errors=True)
        with contextlib.suppress(OSError):
            chunks_folder.rmdir()
        return vectors

    chunks = VectorChunks(own_chunks)
    dims = _embed_rest(
        texts, encoder, chunks, batch_size, normalize, dtype, report, save_every
    )
    # An old manifest would not describe the new file.
    _manifest_path(path).unlink(missing_ok=True)
    _write_vectors(path, catalogue.item_ids, chunks, dims, dtype)
    vectors = load_item_vectors(path)
    manifest = {
        "format": _FORMAT,
        **settings,
        "settings_sha256": digest,
        "template": template.template,
        "separator": template.separator,
        "items": len(vectors),
        "dims": dims,
        "vectors_sha256": vectors.sha256(),
        "package_versions": _package_versions(),
    }
    with _replacing(_manifest_path(path)) as partial:
        partial.write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    shutil.rmtree(chunks_folder)
    return vectors


def _embed_rest(
    texts: Sequence[str],
    encoder: TextEncoder,
    chunks: VectorChunks,
    batch_size: int,
    normalize: bool,
    dtype: VectorDtype,
    report: Report | None,
    save_every: float,
) -> int:
    """Embeds the texts that `chunks` lacks into it, and returns the dimensions."""
    done, dims = np.zeros(len(texts), bool), None
    for rows, vectors in chunks.read():
        done[rows], dims = True, vectors.shape[1]
    order = longest_first(texts)
    batches = encode_in_order(
        texts, order[~done[order]], encoder, batch_size, normalize, dtype, report, dims
    )
    unsaved: list[tuple[np.ndarray, np.ndarray]] = []
    saved_at = time.monotonic()
    try:
        for batch in batches:
            unsaved.append(batch)
            dims = batch[1].shape[1]
            if time.monotonic() - saved_at >= save_every:
                _save(chunks, unsaved)
                unsaved, saved_at = [], time.monotonic()
    finally:  # an error, or Ctrl-C, costs no finished batch
        if unsaved:
            _save(chunks, unsaved)
    assert dims is not None  # there is at least one text
    return dims


def _save(
    chunks: VectorChunks, batches: Sequence[tuple[np.ndarray, np.ndarray]]
) -> None:
    rows, vectors = zip(*batches, strict=True)
    chunks.save(np.concatenate(rows), np.concatenate(vectors))


def _write_vectors(
    path: Path,
    item_ids: np.ndarray,
    chunks: VectorChunks,
    dims: int,
    dtype: VectorDtype,
) -> None:
    shape = (len(item_ids), dims)
    if path.suffix == ".npz":
        vectors = np.empty(shape, dtype)
        _gather(chunks, vectors)
        with _replacing(path) as partial, partial.open("wb") as stream:
            np.savez(stream, item_id=item_ids, embedding=vectors)
        return
    with _replacing(_ids_path(path)) as partial:
        partial.write_text("".join(f"{i}\n" for i in item_ids), "utf-8", newline="\n")
    with _replacing(path) as partial:
        mapped = np.lib.format.open_memmap(partial, "w+", dtype, shape)
        _gather(chunks, mapped)
        mapped.flush()


def _gather(chunks: VectorChunks, vectors: np.ndarray) -> None:
    missing = np.ones(len(vectors), bool)
    for rows, part in chunks.read():
        vectors[rows] = part
        missing[rows] = False
    if missing.any():
        raise ValueError(
            f"{missing.sum()} of {len(vectors)} vectors were kept, and were gone or "
            "damaged when they were read again. Is another process embedding to the "
            "same file? Start this again: it does what is left."
        )


def _check_path(path: Path, item_ids: np.ndarray) -> None:
    if path.suffix not in _SUFFIXES:
        raise ValueError(
            f"Item vectors are written to one of {', '.join(_SUFFIXES)}. Received: "
            f"{str(path)!r}."
        )
    if path.suffix == ".npy":
        broken = [i for i in item_ids.tolist() if "\n" in i or "\r" in i]
        if broken:
            raise ValueError(
                "The item ids of a .npy file are lines of text, so that none may have "
                f"a line break. Received: {preview(broken)}. Write to .npz instead."
            )
        if "" in item_ids:
            raise ValueError(
                "The item ids of a .npy file are lines of text, none of which may be "
                f"empty. Received: '' in row {item_ids.tolist().index('')}. Give the "
                "item an id, or write to .npz instead."
            )


def _read_manifest(path: Path, unfinished: bool) -> dict[str, Any] | None:
    """The manifest of the file of vectors that is at `path`, if there is one.

    Raises:
      ValueError: if there is another file, which must not be lost. Without a manifest
        it can be ours only while we are at it (`unfinished`).
    """
    manifest_path = _manifest_path(path)
    if manifest_path.exists():
        try:
            manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        except ValueError:
            manifest = None
        if isinstance(manifest, dict) and manifest.get("format") == _FORMAT:
            return manifest if path.exists() else None
        found = manifest_path
    elif unfinished:
        return None
    else:
        found = path if path.exists() else _ids_path(path)
        if not found.exists():
            return None
    raise ValueError(
        f"{found} is in the way: it does not come from here, so nothing was written. "
        "Choose another path, or remove it."
    )


def _verified(path: Path, manifest: Mapping[str, Any]) -> ItemVectors:
    vectors = load_item_vectors(path)
    if (digest := vectors.sha256()) != manifest["vectors_sha256"]:
        raise ValueError(
            f"The vectors of {path} were altered since they were written: by "
            f"{_manifest_path(path)} their SHA-256 must be "
            f"{manifest['vectors_sha256']}. Received: {digest}. Remove both files to "
            "embed the items again."
        )
    return vectors


def _texts_sha256(item_ids: np.ndarray, texts: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for pair in zip(item_ids.tolist(), texts, strict=True):
        digest.update(json.dumps(pair).encode() + b"\n")
    return digest.hexdigest()


def _package_versions() -> dict[str, str]:
    versions = {"moc_tf": __version__}
    for module, package in _PACKAGES.items():
        if module in sys.modules:
            # A module may lie on the path without being installed.
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                versions[package] = importlib.metadata.version(package)
    return versions


def _manifest_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.manifest.json")


def _ids_path(path: Path) -> Path:
    return path.with_suffix(".item_ids.txt")


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary path that becomes `path` once the file there is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    yield partial
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    os.replace(partial, path)
