"""One process at a time at a folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where processes must not share a folder
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def only_one(workdir: Path, folder: Path) -> Iterator[None]:
    """Waits until no other process is in a block of the same folder, and enters.

    Whether the other process is of this machine or of another with the same file system
    is no matter, and a process that is killed leaves.

    Args:
      workdir: that the processes share; locks are files in its folder `locks`.
      folder: below it; need not exist.
    """
    locks = workdir / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with open(locks / "-".join(folder.relative_to(workdir).parts), "w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
