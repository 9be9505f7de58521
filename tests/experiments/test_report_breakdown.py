"""Differences taken apart, by rows whose differences are known by hand."""

import dataclasses
import re

from experiments.claims import PAPER, Claim, Side
from experiments.reporting.breakdown import breakdown_tables
from experiments.reporting.writing import write_report
from tests.experiments.report_rows import (
    DEEPFM,
    MOC,
    NONE,
    runs,
    shown,
    small_suite,
    write,
)

HELPS = Claim("Codes help.", PAPER, "table1", Side("moc", 7), Side("none", 0))


def of(rows, *claims):
    tables = breakdown_tables(claims or (HELPS,), {"table1": rows}, "claims")
    return {table.anchor: shown(table) for table in tables}


def test_each_ranker_has_the_mean_over_its_data_sets():
    rows = [*small_suite(), *runs("none", NONE, **DEEPFM), *runs("moc", MOC, **DEEPFM)]
    (line,) = of(rows)["claims-ranker-rating"]
    assert line == {
        "difference in AUC": "moc 7 - none",
        "suite": "table1",
        "all": "+0.0207 ± 0.0017",  # .031 in two of three places
        "dcn_v2": "+0.0155 ± 0.0012",  # .031 on Beauty, 0 on Toys
        "deepfm": "+0.0310 ± 0.0025",
    }


def test_each_data_set_has_the_mean_over_its_rankers():
    rows = [*small_suite(), *runs("none", NONE, **DEEPFM), *runs("moc", NONE, **DEEPFM)]
    (line,) = of(rows)["claims-data"]
    assert line["beauty, rating"] == "+0.0155 ± 0.0012"
    assert line["toys, rating"] == "+0.0000 ± 0.0000"


def test_protocols_have_tables_of_their_own():
    implicit = {"protocol": "implicit", "data_sha256": "y"}
    rows = [
        *small_suite(),
        *runs("none", NONE, **implicit),
        *runs("moc", {0: 0.60, 1: 0.64, 2: 0.68}, **implicit),
    ]
    tables = of(rows)
    assert list(tables) == [
        "claims-data",
        *("claims-ranker-implicit", "claims-group-implicit"),
        *("claims-ranker-rating", "claims-group-rating"),
    ]
    assert tables["claims-ranker-implicit"][0]["all"] == "+0.1000 ± 0.0000"
    assert tables["claims-ranker-rating"][0]["all"] == "+0.0155 ± 0.0012"
    assert list(tables["claims-data"][0])[2:] == [
        *("beauty, implicit", "beauty, rating", "toys, rating"),
    ]
    without = of(runs("none", NONE, **implicit) + small_suite())
    assert list(without) == [key for key in tables if "implicit" not in key]


def test_each_group_has_its_own_metric():
    moc = [
        {**row, "auc_new_items": row["auc_new_items"] + 0.1} for row in runs("moc", MOC)
    ]
    (line,) = of([*runs("none", NONE), *moc])["claims-group-rating"]
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
    assert len(of(small_suite(), *claims)["claims-ranker-rating"]) == 1
    assert of(small_suite(), *claims[1:]) == {}


def test_the_report_of_the_claims_has_the_tables(tmp_path):
    write(tmp_path / "table1", [*runs("none", NONE), *runs("moc", MOC)])
    list(write_report(tmp_path, tmp_path, lambda suite: []))
    titles = re.findall("^## (.*)$", (tmp_path / "claims/report.md").read_text(), re.M)
    assert titles == [
        "Claims, rating",
        "By data set, mean over rankers",
        "By ranker, mean over data sets, rating",
        "By group of test rows, mean over data sets and rankers, rating",
        "Spread over seeds, by ranker and group of test rows, rating",
        "Spread over seeds, by method: what rankers with the same codes have in "
        "common, rating",
        "Legend",
    ]
