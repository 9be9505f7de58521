"""What a run keeps of its predictions, and how it is read again."""

import json
import shutil

import numpy as np
import pytest

from moc_tf._artefact import ArtefactError, DamagedArtefactError
from moc_tf.evaluation import auc
from moc_tf.training import Predictions
from tests.training.conftest import ROWS


@pytest.mark.parametrize("method", ["none", "moc"])
def test_a_run_keeps_what_it_says_of_the_test_part(runs, data, method):
    found = Predictions.load(runs.folder(method))
    np.testing.assert_allclose(found.logits[:ROWS], runs.logits[method], atol=1e-5)
    np.testing.assert_array_equal(found.labels, data.test.labels)
    np.testing.assert_array_equal(found.user_rows, data.test.user_rows)
    np.testing.assert_array_equal(found.new_item, data.test.new_item)
    assert (found.split, found.data_sha256) == ("test", data.sha256)
    result = json.loads((runs.folder(method) / "result.json").read_text())
    assert auc(found.labels, found.logits) == result["row"]["auc"]
    assert "logits" not in result


def test_damaged_predictions_are_not_read(runs, tmp_path):
    shutil.copytree(runs.folder("moc"), tmp_path / "run")
    (file,) = (tmp_path / "run/predictions").glob("logits-*.npy")
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(DamagedArtefactError, match="altered or truncated"):
        Predictions.load(tmp_path / "run")


def test_a_folder_without_predictions_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"keeps its model.*has no predictions/"):
        Predictions.load(tmp_path)
