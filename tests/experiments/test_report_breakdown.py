"""Differences taken apart and the spread of seeds, by rows known by hand."""

import dataclasses
import re

import pytest

from experiments.claims import PAPER, Claim, Side
from experiments.reporting.breakdown import breakdown_tables, spread_table
from experiments.reporting.writing import write_report
from tests.experiments.report_rows import MOC, NONE, RANDOM, runs, small_suite, write

HELPS = Claim("Codes help.", PAPER, "table1", Side("moc", 7), Side("none", 0))
DEEPFM = {"model": "deepfm"}


def shown(table):
    """Entries by heading, a row each."""
    return [
        dict(zip(table.heads, (entry.text for entry in row), strict=True))
        for row in table.rows
    ]


def of(rows, *claims):
    tables = breakdown_tables(claims or (HELPS,), {"table1": rows}, "claims")
    return {table.anchor: shown(table) for table in tables}


def test_each_ranker_has_the_mean_over_its_data_sets():
    rows = [*small_suite(), *runs("none", NONE, **DEEPFM), *runs("moc", MOC, **DEEPFM)]
    (line,) = of(rows)["claims-ranker"]
    assert line == {
        "difference in AUC": "moc 7 - none",
        "suite": "table1",
        "dcn_v2": "+0.0155 ± 0.0012",  # .031 on Beauty, 0 on Toys
        "deepfm": "+0.0310 ± 0.0025",
    }


def test_each_data_set_has_the_mean_over_its_rankers():
    rows = [*small_suite(), *runs("none", NONE, **DEEPFM), *runs("moc", NONE, **DEEPFM)]
    (line,) = of(rows)["claims-data"]
    assert line["beauty, rating"] == "+0.0155 ± 0.0012"
    assert line["toys, rating"] == "+0.0000 ± 0.0000"


def test_each_group_has_its_own_metric():
    moc = [
        {**row, "auc_new_items": row["auc_new_items"] + 0.1} for row in runs("moc", MOC)
    ]
    (line,) = of([*runs("none", NONE), *moc])["claims-group"]
    assert line["all"] == line["tail items"] == "+0.0310 ± 0.0025"
    assert line["new items"] == "+0.1310 ± 0.0025"
    assert line["head items"] == line["new users"] == "-"  # no run has any


def test_what_is_not_measured_or_not_of_auc_is_left_out():
    claims = [
        HELPS,
        dataclasses.replace(HELPS, one=Side("me", 7)),
        dataclasses.replace(HELPS, metric="logloss"),
        dataclasses.replace(HELPS, suite="table2"),
    ]
    assert len(of(small_suite(), *claims)["claims-ranker"]) == 1
    assert of(small_suite(), *claims[1:]) == {}


def test_seeds_spread_less_in_what_two_runs_have_not_in_common():
    rows = [
        *runs("none", NONE),  # standard deviation .04
        *runs("moc", MOC),  # .0405, and .001 of the difference
        *runs("random", {0: 0.5}),  # a seed has no spread
        *runs("moc", RANDOM, split="validation"),
    ]
    first, second = shown(spread_table(rows, "spread"))
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
        *runs("moc", MOC, **DEEPFM),  # none has no run there
    ]
    lines = shown(spread_table(rows, "spread"))
    assert [line["ranker"] for line in lines] == ["dcn_v2"] * 2 + ["deepfm"] * 2
    assert lines[1]["all"] == "0.0500"
    assert lines[3]["all"] == "-"
    assert lines[2]["all"] == "0.0405"


def test_the_report_of_the_claims_has_the_tables(tmp_path):
    write(tmp_path / "table1", [*runs("none", NONE), *runs("moc", MOC)])
    list(write_report(tmp_path, tmp_path, lambda suite: []))
    titles = re.findall("^## (.*)$", (tmp_path / "claims/report.md").read_text(), re.M)
    assert titles == [
        "Claims",
        "By ranker, mean over data sets",
        "By data set, mean over rankers",
        "By group of test rows, mean over data sets and rankers",
        "Spread over seeds",
        "Legend",
    ]
