"""The folder of a suite: rows of what is done, and what became of the rest."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from moc_tf.training.run_directory import write_text


class SuiteFolder:
    """`suites/<name>/` of a working folder, or `suites/<name>/parts/<part>/`.

    Args:
      workdir: the working folder, which suites share.
      name: of the suite.
      part: of the suite; "" is the whole.

    Attributes:
      path: the folder.
    """

    def __init__(self, workdir: str | os.PathLike, name: str, part: str = ""):
        self.path = Path(workdir) / "suites" / name
        if part:
            self.path = self.path / "parts" / part

    def read(self) -> list[dict[str, Any]]:
        """The rows that it has; none if it is new.

        Raises:
          ValueError: if they cannot be read.
        """
        path = self.path / "results.jsonl"
        if not path.exists():
            return []
        try:
            return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{path} must hold a JSON object a line, and has something else: "
                f"{error}. Remove it; runs that are whole under the working folder are "
                "kept."
            ) from error

    def write(
        self,
        rows: Iterable[Mapping[str, Any]],
        failures: Iterable[Mapping[str, Any]],
    ) -> None:
        """Replaces `results.jsonl` and `failures.jsonl`, each in one step."""
        self.path.mkdir(parents=True, exist_ok=True)
        for name, entries in (("results", rows), ("failures", failures)):
            lines = "".join(json.dumps(entry) + "\n" for entry in entries)
            write_text(self.path / f"{name}.jsonl", lines)


def by_run(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Rows by their `run`, which tells what they depend on; those without are none."""
    return {row["run"]: dict(row) for row in rows if "run" in row}
