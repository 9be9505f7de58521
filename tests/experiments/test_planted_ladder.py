"""The method's promise, where it is known to hold: a step up is one for every seed."""

import collections
import itertools

import numpy as np
import pytest

from experiments import settings
from experiments.datasets import load_dataset
from moc_tf.training import Comparison, Method

LADDER = (Method("none", 0), Method("vq", 1), Method("moc", 7))
DEALT_OUT = Method("moc", 7, "shuffled")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Metric -> values by seed, of each method."""
    setting = settings.PLANTED
    dataset = load_dataset("planted")
    comparison = Comparison(
        "test",
        dataset.ranking,
        dataset.vectors,
        (*LADDER, DEALT_OUT),
        range(2),
        setting.ranker,
        setting.indexer,
        tmp_path_factory.mktemp("planted"),
    )
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for progress in comparison.run():
        row = progress.result
        method = Method(row["method"], row["num_codes"], row["variant"])
        for metric in ("auc", "auc_new_items", "num_parameters"):
            found[method][metric].append(row[metric])
    return found


def test_more_parallel_codes_are_better(found):
    for lower, upper in itertools.pairwise(LADDER):
        assert max(found[lower]["auc"]) + 0.005 < min(found[upper]["auc"])


def test_codes_help_on_new_items_most_of_all(found):
    none, moc = found[LADDER[0]], found[LADDER[-1]]
    gain = np.subtract(moc["auc"], none["auc"])
    assert (np.subtract(moc["auc_new_items"], none["auc_new_items"]) > gain).all()


def test_codes_of_other_items_do_not_help(found):
    none, moc, dealt_out = (found[m] for m in (LADDER[0], LADDER[-1], DEALT_OUT))
    real, shuffled = (
        np.mean(other["auc"]) - np.mean(none["auc"]) for other in (moc, dealt_out)
    )
    assert shuffled < real / 4
    assert dealt_out["num_parameters"] == moc["num_parameters"]
