"""The folder of a suite: rows of what is done, and what became of the rest."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from moc_tf.training.folder_lock import only_one
from moc_tf.training.run_directory import write_text


class SuiteFolder:
    """`suites/<name>/` of a working folder, or `suites/<name>/parts/<part>/`.

        results.jsonl    rows of the runs that the suite asks for
        earlier.jsonl    rows that were there before, of other runs: of other seeds,
                         settings or versions of packages
        failures.jsonl   what became of the runs that failed

    Args:
      workdir: the working folder, which suites share.
      name: of the suite.
      part: of the suite; "" is the whole.

    Attributes:
      path: the folder.
    """

    def __init__(self, workdir: str | os.PathLike, name: str, part: str = ""):
        self._workdir = Path(workdir)
        self.path = self._workdir / "suites" / name
        if part:
            self.path = self.path / "parts" / part

    def read(self) -> list[dict[str, Any]]:
        """The rows that it has, earlier ones first; none if it is new.

        Raises:
          ValueError: if they cannot be read.
        """
        return [*self._read("earlier"), *self._read("results")]

    def write(
        self,
        rows: Sequence[Mapping[str, Any]],
        failures: Sequence[Mapping[str, Any]],
    ) -> None:
        """Replaces `results.jsonl` and `failures.jsonl`, each in one step.

        Rows of other runs, of which there may be no folder, go to `earlier.jsonl`.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        asked = {row.get("run") for row in rows}
        with only_one(self._workdir, self.path):
            earlier = self._read("earlier")
            others = [
                row
                for row in self._read("results")
                if row.get("run") not in asked and row not in earlier
            ]
            if others:
                self._write("earlier", [*earlier, *others])
            self._write("results", rows)
            self._write("failures", failures)

    def _read(self, name: str) -> list[dict[str, Any]]:
        path = self.path / f"{name}.jsonl"
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

    def _write(self, name: str, entries: Iterable[Mapping[str, Any]]) -> None:
        lines = "".join(json.dumps(entry) + "\n" for entry in entries)
        write_text(self.path / f"{name}.jsonl", lines)


def by_run(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Rows by their `run`, which tells what they depend on; those without are none."""
    return {row["run"]: dict(row) for row in rows if "run" in row}
