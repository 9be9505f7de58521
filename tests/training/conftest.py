"""A planted benchmark small enough to train on in a second or two, and runs on it."""

import dataclasses
import pathlib

import numpy as np
import pytest

from moc_tf.data import (
    PlantedConfig,
    label_parts,
    make_planted,
    prepare_ranking_data,
    split_by_time,
)
from moc_tf.training import (
    Comparison,
    Method,
    RankerConfig,
    RunDirectory,
    export_run,
)
from moc_tf.training.method_codes import MethodCodes

ROWS = 200  # of the test part, whose logits are kept


@pytest.fixture(scope="session")
def planted():
    return make_planted(
        PlantedConfig(
            num_items=300,
            num_users=150,
            num_interactions=6_000,
            num_factors=6,
            num_values=4,
        )
    )


@pytest.fixture(scope="session")
def data(planted):
    return prepare_ranking_data(
        planted.interactions, planted.catalogue, "rating", "planted"
    )


@dataclasses.dataclass(frozen=True)
class Runs:
    """Finished runs, with what the training process said at their end.

    Attributes:
      workdir: of the comparison, not where it was while it ran.
      users: raw ids of the first rows of the test part.
      items: the same.
      logits: by method, of these rows.
    """

    workdir: pathlib.Path
    users: np.ndarray
    items: np.ndarray
    logits: dict[str, np.ndarray]

    def folder(self, method):
        (path,) = self.workdir.glob(f"runs/deepfm/{method}-*/*/seed-3-*")
        return path


@pytest.fixture(scope="session")
def runs(data, planted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    logits = {}
    finish = RunDirectory.finish
    table_of = {}

    table = MethodCodes.table

    def watched(self, method, seed):
        table_of[method.name] = found = table(self, method, seed)
        return found

    def finish_and_predict(self, model, result):
        name = result["row"]["method"]
        batches = data.batches(data.test, ROWS, table_of[name])
        logits[name] = model(next(iter(batches))).numpy()
        finish(self, model, result)

    comparison = Comparison(
        "test",
        data,
        planted.vectors,
        [Method("none", 0), Method("moc", 2)],
        [3],
        RankerConfig(
            model="deepfm",
            hidden_units=(8,),
            batch_size=1024,
            max_epochs=2,
            embedding_dim=4,
            hidden_share=0.1,
            learning_rate=0.02,
        ),
        {"codebook_size": 16, "hidden_units": (16,), "epochs": 2},
        folder / "before",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MethodCodes, "table", watched)
        patch.setattr(RunDirectory, "finish", finish_and_predict)
        assert len(list(comparison.run())) == 2
    (folder / "before").rename(folder / "moved")
    parts = label_parts(
        planted.interactions, split_by_time(planted.interactions), "rating", 0
    )
    test = parts[2]
    return Runs(folder / "moved", test.user_ids[:ROWS], test.item_ids[:ROWS], logits)


@pytest.fixture(scope="session")
def exported(runs):
    """The run of `moc`, exported in this process."""
    return export_run(runs.folder("moc"), runs.workdir / "exports/moc")
