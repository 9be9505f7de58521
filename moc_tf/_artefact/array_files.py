"""Arrays as files, whose names carry their checksums."""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from moc_tf._artefact.errors import ArtefactError, DamagedArtefactError, altered

PARTIAL = ".moc_tf-partial"  # suffix of a file that is not yet complete
_ARRAY_FILE = re.compile(r".+-([0-9a-f]{8})\.npy")


def file_sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum_in_name(name: str) -> str | None:
    """What a file's name says its checksum begins with; None if it says nothing."""
    match = _ARRAY_FILE.fullmatch(name)
    return match[1] if match else None


def check_storable(name: str, array: np.ndarray) -> None:
    """Raises ArtefactError unless .npy keeps `array` exactly, without pickle."""
    # Object, structured and extension types (bfloat16) do not survive this.
    if array.dtype.hasobject or np.dtype(array.dtype.str) != array.dtype:
        raise ArtefactError(
            f"Array {name!r} must hold numbers, booleans or strings to be kept as "
            f".npy. Received: dtype {array.dtype}. Convert it first."
        )


def write_array(folder: Path, name: str, array: np.ndarray) -> dict[str, Any]:
    """Writes `array` and returns its entry in the manifest."""
    stem = quote(name, safe="")
    partial = folder / f"{stem}{PARTIAL}"
    with partial.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        sync_file(file)
    digest = file_sha256(partial)
    target = f"{stem}-{digest[:8]}.npy"
    os.replace(partial, folder / target)
    return {
        "file": target,
        "sha256": digest,
        "shape": list(array.shape),
        "dtype": array.dtype.str,
    }


def read_array(folder: Path, entry: Mapping[str, Any]) -> np.ndarray:
    """Reads the array that `entry` describes, after its checksum."""
    path = folder / entry["file"]
    try:
        if (digest := file_sha256(path)) != entry["sha256"]:
            raise altered(path, entry["sha256"], digest)
        return np.load(path, allow_pickle=False)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise DamagedArtefactError(
            f"{path} is missing, though the manifest beside it names it. Copy the "
            "whole folder again, or make the artefact again."
        ) from error


def sync_file(file: Any) -> None:
    """Returns once what was written to the open `file` is on disk."""
    file.flush()
    os.fsync(file.fileno())
