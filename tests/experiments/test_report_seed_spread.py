"""The spread of seeds and its two sources, by rows and figures known by hand."""

import math

import numpy as np
import pytest

from experiments.reporting.seed_spread import spread_tables, two_sources
from tests.experiments.report_rows import DEEPFM, MOC, NONE, RANDOM, runs, shown


def test_seeds_spread_less_in_what_two_runs_have_not_in_common():
    rows = [
        *runs("none", NONE),  # standard deviation .04
        *runs("moc", MOC),  # .0405, and .001 of the difference
        *runs("random", {0: 0.5}),  # a seed has no spread
        *runs("moc", RANDOM, split="validation"),
    ]
    first, second = shown(spread_tables(rows, "claims")[0])
    assert (first["ranker"], first["standard deviation of"]) == ("dcn_v2", "AUC")
    root_mean_square = (
        (0.04**2 + 0.041**2 / 2 + 0.001**2 / 2 + 0.04**2 / 2) / 2
    ) ** 0.5
    assert float(first["all"]) == pytest.approx(root_mean_square, abs=5e-5)
    assert second["standard deviation of"] == "difference to none"
    assert second["all"] == second["new items"] == "0.0010"
    assert second["head items"] == "-"


def test_a_difference_is_to_the_run_of_the_same_place_and_seed():
    toys = {"dataset": "amazon/toys", "data_sha256": "x"}
    rows = [
        *runs("none", {0: 0.5, 1: 0.6, 2: 0.9}),
        *runs("moc", {0: 0.5, 1: 0.7}),  # 0 and .1: standard deviation .0707
        *runs("none", {0: 0.6, 1: 0.5}, **toys),
        *runs("moc", {0: 0.6, 1: 0.5}, **toys),  # 0
        *runs("moc", MOC, dataset="amazon/games"),  # none has no run there
    ]
    _, line = shown(spread_tables(rows, "claims")[0])
    assert line["all"] == "0.0500"


def test_a_pair_of_which_one_lacks_the_figure_has_no_difference():
    none = [row | {"auc_new_items": None} for row in runs("none", {0: 0.5})]
    rows = [*none, *runs("none", {1: 0.5, 2: 0.6}), *runs("moc", MOC)]
    _, line = shown(spread_tables(rows, "claims")[0])
    # .072 and .011: standard deviation .0431.
    assert line["new items"] == "0.0431"


def test_rankers_are_compared_by_the_cells_that_all_of_them_have():
    toys = {"dataset": "amazon/toys", "data_sha256": "x"}
    rows = [
        *runs("none", NONE),
        *runs("moc", MOC),
        *runs("random", RANDOM),  # of dcn_v2 alone
        *runs("moc", {0: 0.1, 1: 0.9}, **toys),  # of dcn_v2 alone
        *runs("moc", {0: 0.5, 1: 0.7}, **DEEPFM),  # none has no run there
    ]
    lines = shown(spread_tables(rows, "claims")[0])
    assert [line["ranker"] for line in lines] == ["dcn_v2"] * 2 + ["deepfm"] * 2
    assert [line["all"] for line in lines] == ["0.0405", "-", "0.1414", "-"]


def test_what_a_seed_adds_in_every_ranker_is_told_from_the_rest():
    # Less the rankers' means: -1, 1 and -2, 2. In common -1.5, 1.5, of variance 4.5,
    # half the rest's too much; the rest is +-.5, four squares on one degree of freedom.
    assert two_sources([{0: 0.0, 1: 2.0}, {0: 10.0, 1: 14.0}]) == (4.0, 1.0)
    # Opposite in both: in common 0, less half of the rest.
    assert two_sources([{0: 0.0, 1: 2.0}, {0: 2.0, 1: 0.0}]) == (-2.0, 4.0)


def test_both_sources_are_found_whatever_their_sizes():
    random = np.random.default_rng(0)
    common, own = random.normal(0, 3, 4000), random.normal(0, 2, (5, 4000))
    means = [[10.0], [-4.0], [0.0], [1.0], [100.0]]
    values = [dict(enumerate(line)) for line in means + common + own]
    assert two_sources(values) == pytest.approx((9.0, 4.0), rel=0.05)


@pytest.mark.parametrize(
    "values", [[], [{0: 1.0, 1: 2.0}], [{0: 1.0, 1: 2.0}, {1: 3.0, 2: 4.0}]]
)
def test_one_ranker_or_seed_has_no_sources(values):
    assert all(map(math.isnan, two_sources(values)))


def test_the_sources_of_a_method_are_averaged_over_data_sets():
    toys = {"dataset": "amazon/toys", "data_sha256": "x"}
    rows = [
        *runs("moc", {0: 0.50, 1: 0.52}),
        *runs("moc", {0: 0.60, 1: 0.64}, **DEEPFM),  # variances .0004 and .0001
        *runs("moc", {0: 0.50, 1: 0.52}, **toys),
        *runs("moc", {0: 0.52, 1: 0.50}, **toys, **DEEPFM),  # -.0002 and .0004
        *runs("moc", {0: 0.52, 1: 0.50}, dataset="amazon/games"),  # one ranker
        *runs("vq", NONE),  # one ranker
    ]
    (line,) = shown(spread_tables(rows, "claims")[1])
    assert (line["method"], line["codes"]) == ("moc", "7")
    assert line["AUC: in common"] == f"{0.0001**0.5:.4f}"
    assert line["AUC: each ranker's own"] == f"{0.00025**0.5:.4f}"
    assert line["AUC, new items: in common"] == f"{0.0001**0.5:.4f}"
    # Nothing in common by the mean of all places: not below 0.
    (line,) = shown(spread_tables(rows[4:8], "claims")[1])
    assert line["AUC: in common"] == "0.0000"
