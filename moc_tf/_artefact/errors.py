"""What can be wrong with an artefact."""

from pathlib import Path


class ArtefactError(ValueError):
    """A folder cannot be read, or written, as an artefact."""


class DamagedArtefactError(ArtefactError):
    """An artefact is incomplete, or was altered since it was written."""


def altered(path: Path, expected: str | None, digest: str) -> DamagedArtefactError:
    """The error of a file whose checksum is not the one that its manifest names."""
    return DamagedArtefactError(
        f"{path} was altered or truncated since it was written: its SHA-256 must be "
        f"{expected}. Received: {digest}. Copy the folder again, or remove it and make "
        "the artefact again."
    )
