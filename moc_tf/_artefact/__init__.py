"""How what the library makes is kept on disk, verified when it is read."""

from moc_tf._artefact.array_files import file_sha256
from moc_tf._artefact.errors import ArtefactError, DamagedArtefactError
from moc_tf._artefact.folder import (
    MANIFEST,
    ArtefactHeader,
    artefact_sha256,
    check_replaceable,
    discard_artefact,
    read_artefact,
    read_header,
    write_artefact,
)
from moc_tf._artefact.json_values import plain_json

__all__ = [
    "MANIFEST",
    "ArtefactError",
    "ArtefactHeader",
    "DamagedArtefactError",
    "artefact_sha256",
    "check_replaceable",
    "discard_artefact",
    "file_sha256",
    "plain_json",
    "read_artefact",
    "read_header",
    "write_artefact",
]
