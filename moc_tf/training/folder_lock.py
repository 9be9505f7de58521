"""One process at a time at a folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where processes must not share a folder
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Waits until no other process is in a block of the same folder, and enters.

    Which process that is, of this machine or of one with the same file system, is no
    matter, and a process that is killed leaves. The lock is a file beside the folder,
    which stays.

    Args:
      folder: need not exist.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(f".{folder.name}.lock"), "w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
