"""The method's promise, where it is known to hold, with intervals over five seeds."""

import pytest

from experiments import settings
from experiments.datasets import load_dataset
from moc_tf.evaluation import summarise
from moc_tf.training import Comparison, Method, methods_named

pytestmark = pytest.mark.slow
SEEDS = range(5)


@pytest.fixture(scope="module")
def summaries(tmp_path_factory):
    setting = settings.PLANTED
    dataset = load_dataset("planted")
    methods = methods_named(["none", "vq", "moc"], [3, 7])
    methods += [Method("moc", 7, "shuffled"), Method("true_factors", 8)]
    comparison = Comparison(
        "test",
        dataset.ranking,
        dataset.vectors,
        methods,
        SEEDS,
        setting.ranker,
        setting.indexer,
        tmp_path_factory.mktemp("planted"),
        dataset.tables,
    )
    results = [progress.result for progress in comparison.run(num_workers=2)]
    found = {}
    for summary in summarise(results):
        group = summary.group
        found[group["method"], group["num_codes"], group["variant"]] = summary
    return found


def test_more_parallel_codes_are_better_with_intervals_apart(summaries):
    ladder = [("none", 0), ("vq", 1), ("moc", 3), ("moc", 7), ("true_factors", 8)]
    intervals = [summaries[name, codes, ""].metrics["auc"] for name, codes in ladder]
    assert all(interval.n == len(SEEDS) for interval in intervals)
    for (name, codes), lower, upper in zip(
        ladder[1:], intervals, intervals[1:], strict=False
    ):
        assert lower.high < upper.low, f"{name} {codes} is not above what is before it"


def test_codes_help_on_new_items_most_of_all(summaries):
    differences = summaries["moc", 7, ""].differences
    assert differences["auc_new_items"].low > differences["auc"].high > 0


def test_codes_of_other_items_do_not_help(summaries):
    real = summaries["moc", 7, ""].differences["auc"]
    dealt_out = summaries["moc", 7, "shuffled"].differences["auc"]
    assert real.low > 0
    assert dealt_out.high < real.low / 4
    same_size = summaries["moc", 7, "shuffled"].metrics["num_parameters"].mean
    assert same_size == summaries["moc", 7, ""].metrics["num_parameters"].mean
