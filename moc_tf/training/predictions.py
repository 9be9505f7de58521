"""What a trained ranker says of each row of the part that it was measured on."""

import dataclasses
import os
from pathlib import Path

import numpy as np

from moc_tf._artefact import ArtefactError, read_artefact, write_artefact

PREDICTIONS_FOLDER = "predictions"  # in that of a run
_KIND = "predictions"


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """Rows in order of time, and what was predicted of them.

    Attributes:
      split: "test" or "validation".
      data_sha256: checksum of the data set.
      labels: float32 0 or 1, [rows].
      logits: float32 log-odds of label 1, [rows].
      user_rows: int64, [rows], different for different users.
      new_item: bool, [rows]: has the item no row in the training part?
    """

    split: str
    data_sha256: str
    labels: np.ndarray
    logits: np.ndarray
    user_rows: np.ndarray
    new_item: np.ndarray

    def save(self, run: str | os.PathLike) -> None:
        """Writes them into the folder of a run; they replace what is there at once."""
        arrays = {
            name: getattr(self, name)
            for name in ("labels", "logits", "user_rows", "new_item")
        }
        manifest = {"split": self.split, "data_sha256": self.data_sha256}
        write_artefact(Path(run) / PREDICTIONS_FOLDER, _KIND, arrays, manifest)

    @classmethod
    def load(cls, run: str | os.PathLike) -> "Predictions":
        """Reads those of a run, and checks that they are what was written.

        Raises:
          ArtefactError: if there are none, or they are damaged.
        """
        folder = Path(run) / PREDICTIONS_FOLDER
        if not folder.is_dir():
            raise ArtefactError(
                f"{run} must be the folder of a finished run that keeps its model, "
                "as train_ranker and quickstart do and suites do not. It has no "
                f"{PREDICTIONS_FOLDER}/."
            )
        arrays, manifest = read_artefact(folder, _KIND)
        return cls(manifest["split"], manifest["data_sha256"], **arrays)
