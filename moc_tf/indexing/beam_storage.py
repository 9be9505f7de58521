"""Artefacts and shards on the file systems of Apache Beam, such as gs:// or s3://.

Artefacts are written and read in a local folder; this copies them to and from others.
A path without a scheme is local, and is used where it is.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from moc_tf._artefact import MANIFEST


def is_remote(path: str) -> bool:
    """Whether `path` is on another file system than the local one.

    Raises:
      ValueError: if it has the scheme `file`, which Beam takes for a part of the name.
    """
    scheme = FileSystems.get_scheme(path)
    if scheme == "file":
        raise ValueError(
            f"A local path must be given without file://. Received: {path!r}."
        )
    return scheme is not None


def child(path: str, *names: str) -> str:
    """Path of what has the last of the `names` under the folder `path`."""
    return FileSystems.join(path, *names)


def matching_files(patterns: Sequence[str]) -> list[str]:
    """Paths that match any of the patterns, each once, sorted within a pattern.

    Raises:
      ValueError: if a pattern matches none.
    """
    found: list[str] = []
    for pattern in patterns:
        (match,) = FileSystems.match([pattern])
        if not match.metadata_list:
            raise ValueError(
                f"There must be a file for every pattern. Received: {pattern!r}, which "
                "matches none. In a pattern, * does not match a /, and ** does."
            )
        found += sorted(metadata.path for metadata in match.metadata_list)
    return list(dict.fromkeys(found))


def local_file(path: str, scratch: Path) -> Path:
    """The file at `path`, or a copy of it in the folder `scratch` if it is remote."""
    if not is_remote(path):
        return Path(path)
    _, name = FileSystems.split(path)
    scratch.mkdir(parents=True, exist_ok=True)
    with (
        FileSystems.open(
            path, compression_type=CompressionTypes.UNCOMPRESSED
        ) as source,
        (scratch / name).open("wb") as target,
    ):
        shutil.copyfileobj(source, target)
    return scratch / name


def local_folder(path: str, scratch: Path) -> Path:
    """The folder `path`, or a copy of its files, as `scratch`, if it is remote.

    Where there are no files, there is no copy either.
    """
    if not is_remote(path):
        return Path(path)
    (match,) = FileSystems.match([child(path, "*")])
    for metadata in match.metadata_list:
        local_file(metadata.path, scratch)
    return scratch


def part_names(path: str) -> list[str]:
    """Names of the folders in the remote folder `path` that hold an artefact."""
    (match,) = FileSystems.match([child(path, "*", MANIFEST)])
    folders = [FileSystems.split(metadata.path)[0] for metadata in match.metadata_list]
    return [FileSystems.split(folder.rstrip("/"))[1] for folder in folders]


def publish(folder: Path, path: str) -> None:
    """Copies the artefact in a local folder to the remote folder `path`.

    Its manifest goes last. Files already there stay; those that it does not name are
    no part of it.
    """
    for file in sorted(folder.iterdir(), key=lambda file: file.name == MANIFEST):
        publish_file(file, path)


def publish_file(file: Path, path: str) -> None:
    """Copies a local file into the remote folder `path`."""
    target = child(path, file.name)
    with (
        file.open("rb") as source,
        FileSystems.create(
            target, compression_type=CompressionTypes.UNCOMPRESSED
        ) as sink,
    ):
        shutil.copyfileobj(source, sink)
