"""How what the library makes is kept on disk: arrays beside one `manifest.json`.

    codes-1a2b3c4d.npy      an array; the digits begin its file's SHA-256
    item_ids-5e6f7a8b.npy
    manifest.json           written last, and what makes the folder an artefact

A file's name carries its checksum, so a new artefact never touches the files of
the one it replaces. Readers go by the manifest alone, which is replaced in one
step: whatever interrupts the writing, they find the old artefact or the new one.
"""

import hashlib
import json
import os
import re
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from moc_tf import __version__
from moc_tf._artefact.array_files import (
    PARTIAL,
    check_storable,
    checksum_in_name,
    file_sha256,
    read_array,
    sync_file,
    write_array,
)
from moc_tf._artefact.errors import ArtefactError, DamagedArtefactError, altered
from moc_tf._artefact.json_values import plain_json

_FORMAT = "moc_tf artefact"
_FORMAT_VERSION = 1
MANIFEST = "manifest.json"

# What a manifest begins with, and how it names a file, be it JSON or damaged.
_BEGINNING = re.compile(
    rf'\{{\s+"format": "{_FORMAT}",\s+"format_version": {_FORMAT_VERSION},'
    r'\s+"kind": "([^"]+)"'
)
_FILE = re.compile(r'"file": "([^"]+)"')


class ArtefactHeader(NamedTuple):
    """What an artefact's manifest says, without its arrays.

    Attributes:
      kind: what it is.
      sha256: checksum of the manifest, which names the arrays' checksums: equal ones
        are of artefacts with the same content.
      shapes: the arrays' shapes.
      manifest: the manifest that `write_artefact` was given.
    """

    kind: str
    sha256: str
    shapes: dict[str, tuple[int, ...]]
    manifest: dict[str, Any]


def write_artefact(
    path: str | os.PathLike[str],
    kind: str,
    arrays: Mapping[str, np.ndarray],
    manifest: Mapping[str, Any],
    beside: Container[str] = (),
) -> None:
    """Writes an artefact, or replaces one of the same kind in one step.

    One writer at a time: the files of an interrupted writing are removed, and so
    would be those of one that is still under way.

    Args:
      path: its folder, made where it is missing.
      kind: what it is, such as "code_table"; reading asks for the same.
      arrays: name -> array of numbers, booleans or strings. Any name will do.
      manifest: what else belongs to it, as `plain_json` takes it.
      beside: names that may lie in the folder before the artefact's first writing.

    Raises:
      ArtefactError: if `path` holds something other than an artefact of this kind,
        or if an array or the manifest cannot be kept exactly. Nothing is changed.
    """
    folder = Path(path)
    check_replaceable(folder, kind, beside)
    for name, array in arrays.items():
        check_storable(name, array)
    plain = plain_json(manifest, "manifest")

    folder.mkdir(parents=True, exist_ok=True)
    entries = {name: write_array(folder, name, a) for name, a in arrays.items()}
    _sync_folder(folder)  # the arrays' names must be on disk before the manifest's
    content = {
        "format": _FORMAT,
        "format_version": _FORMAT_VERSION,
        "kind": kind,
        "moc_tf_version": __version__,
        "arrays": entries,
        "manifest": plain,
    }
    partial = folder / (MANIFEST + PARTIAL)
    with partial.open("w", encoding="utf-8") as stream:
        stream.write(_encode({**content, "sha256": _digest(content)}))
        sync_file(stream)
    os.replace(partial, folder / MANIFEST)
    _sync_folder(folder)
    named = {entry["file"] for entry in entries.values()}
    for file in folder.iterdir():
        if file.name not in named and _is_ours(file):
            file.unlink()


def check_replaceable(
    path: str | os.PathLike[str], kind: str, beside: Container[str] = ()
) -> None:
    """Raises ArtefactError where `write_artefact` could lose something.

    It does this itself; before long work it pays to know.

    Args:
      path: folder to write to.
      kind: what is going to be written.
      beside: names that may lie in the folder before the artefact's first writing.
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise ArtefactError(
            f"An artefact is a folder, and {folder} is a file. Choose another path."
        )
    if (folder / MANIFEST).exists():
        _read_manifest(folder, kind)
    elif folder.is_dir():
        # An interrupted first writing leaves our files and no manifest.
        foreign = sorted(
            f.name for f in folder.iterdir() if f.name not in beside and not _is_ours(f)
        )
        if foreign:
            raise ArtefactError(
                f"{folder} is not empty and holds no artefact, so nothing was "
                f"written. Found: {foreign[0]!r}. Choose an empty or a new folder."
            )


def read_artefact(
    path: str | os.PathLike[str], kind: str
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Reads an artefact and verifies every byte of it.

    Args:
      path: its folder.
      kind: what it must be.

    Returns:
      The arrays and the manifest that `write_artefact` was given.

    Raises:
      ArtefactError: if the folder is missing, is no artefact of this kind, was
        written by a newer moc_tf, or if any file is missing or damaged.
    """
    folder = Path(path)
    while True:
        writing = _last_writing(folder)
        content = _read_manifest(folder, kind)
        try:
            arrays = {
                name: read_array(folder, entry)
                for name, entry in content["arrays"].items()
            }
        except DamagedArtefactError:
            # A writer that replaced the artefact meanwhile has removed its files.
            if _last_writing(folder) == writing:
                raise
        else:
            return arrays, content["manifest"]


def read_header(path: str | os.PathLike[str], *kinds: str) -> ArtefactHeader:
    """Reads and verifies an artefact's manifest; its arrays stay unread.

    Args:
      path: its folder.
      *kinds: what it may be.

    Raises:
      ArtefactError: as `read_artefact`, but for missing or damaged arrays.
    """
    content = _read_manifest(Path(path), *kinds)
    return ArtefactHeader(
        kind=content["kind"],
        sha256=_digest(content),
        shapes={k: tuple(entry["shape"]) for k, entry in content["arrays"].items()},
        manifest=content["manifest"],
    )


def artefact_sha256(path: str | os.PathLike[str], kind: str) -> str:
    """Checksum of an artefact, as 64 hexadecimal digits.

    It is that of the manifest, which names the checksums of the arrays; whether the
    arrays have them, `read_artefact` tells.

    Args:
      path: its folder.
      kind: what it must be.

    Raises:
      ArtefactError: as `read_artefact`, but for missing or damaged arrays.
    """
    return read_header(path, kind).sha256


def discard_artefact(path: str | os.PathLike[str], kind: str | None = None) -> None:
    """Removes an artefact, damaged or not, so that another can be made in its place.

    Only a manifest that says what it is of tells an artefact from a folder of someone
    else: without one nothing is removed. Other files than the artefact's stay.

    Args:
      path: its folder.
      kind: what it must be to be removed; None for any kind.
    """
    folder = Path(path)
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return
    text = manifest.read_text(encoding="utf-8", errors="replace")
    beginning = _BEGINNING.match(text)
    if beginning is None or kind not in (None, beginning[1]):
        return
    named = set(_FILE.findall(text.partition('\n  "manifest": ')[0]))
    for file in folder.iterdir():
        if (file.name in named and checksum_in_name(file.name)) or _is_ours(file):
            file.unlink()
    manifest.unlink()  # last, for it tells what else is to be removed


def _read_manifest(folder: Path, *kinds: str) -> dict[str, Any]:
    """Reads and verifies the manifest of an artefact of one of these kinds."""
    path = folder / MANIFEST
    if not folder.is_dir():
        raise ArtefactError(f"There is no folder {folder} to read a {kinds[0]} from.")
    if not path.is_file():
        raise DamagedArtefactError(
            f"{folder} has no {MANIFEST}: its writing was interrupted, or this is "
            f"not a {kinds[0]} of moc_tf."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        _encode(content)  # refuses NaN and infinity, which Python takes for JSON
    except ValueError as error:  # of JSON and of UTF-8 alike
        raise DamagedArtefactError(
            f"{path} is damaged, it is not JSON: {error}. Copy the folder again, or "
            "remove it and make the artefact again."
        ) from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ArtefactError(f"{path} is not the manifest of a moc_tf artefact.")
    # Before the checksum: a newer format may well compute that differently.
    if content.get("format_version") != _FORMAT_VERSION:
        raise ArtefactError(
            f"{path} must have format version {_FORMAT_VERSION}. Received: "
            f"{content.get('format_version')!r}, written by moc_tf "
            f"{content.get('moc_tf_version')}, this is {__version__}. Install that one."
        )
    expected = content.pop("sha256", None)
    if (digest := _digest(content)) != expected:
        raise altered(path, expected, digest)
    if content["kind"] not in kinds:
        raise ArtefactError(
            f"{folder} must hold an artefact of kind "
            f"{' or '.join(map(repr, kinds))}. Received: one of kind "
            f"{content['kind']!r}."
        )
    return content


def _last_writing(folder: Path) -> tuple[int, int] | None:
    """Tells one writing of a manifest from another, even of the same content."""
    try:
        status = (folder / MANIFEST).stat()
    except OSError:  # whose cause the reading of the manifest tells
        return None
    return status.st_ino, status.st_mtime_ns


def _is_ours(file: Path) -> bool:
    if not file.is_file():
        return False
    if file.name.endswith(PARTIAL):
        return True
    # The name alone does not tell: vectors-20240131.npy may be anyone's.
    checksum = checksum_in_name(file.name)
    return checksum is not None and file_sha256(file).startswith(checksum)


def _encode(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_encode(content).encode()).hexdigest()


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
