"""Claims and their verdicts, by rows whose differences are known by hand."""

import dataclasses
import math
import re

import pytest

from experiments.claims import CLAIMS, OURS, PAPER, REVIEWERS, Claim, Side
from experiments.reporting import claim_section
from experiments.reporting.claim_tests import (
    ALIKE,
    DOES_NOT,
    HOLDS,
    LESS,
    MORE,
    UNDECIDED,
    UNMEASURED,
    UNTESTED,
    judge_claims,
)
from experiments.reporting.expected import SUITES, expected_cells
from experiments.reporting.grid import Cell, Configuration, Setting
from experiments.reporting.writing import write_report
from tests.experiments.report_rows import MOC, NONE, RANDOM, runs, small_suite, write
from tests.legible import assert_legible

MOC_7, NONE_0, RANDOM_7 = Side("moc", 7), Side("none", 0), Side("random", 7)
HELPS = Claim("Codes help.", PAPER, "table1", MOC_7, NONE_0)
TOYS = {"dataset": "amazon/toys", "data_sha256": "x"}


def cells(*names):
    """The cells of two data sets, of which one is nowhere measured."""

    def of(suite):
        return [
            Cell(Setting(dataset, "rating"), "dcn_v2", Configuration(*name, ""))
            for dataset in ("amazon/beauty", "amazon/toys", "amazon/games")
            for name in names
        ]

    return of


EXPECTED = cells(
    ("none", 0, "none"), ("moc", 7, "self_gating"), ("random", 7, "self_gating")
)


def judge(rows, *claims):
    return judge_claims(claims or (HELPS,), {"table1": rows}, EXPECTED)


def shifted(aucs, *by):
    return {seed: auc + d for (seed, auc), d in zip(aucs.items(), by, strict=True)}


def compared(*by, **changes):
    """The only finding where codes add `by` to each seed's figures."""
    moc = shifted(NONE, *by)
    rows = [*runs("none", NONE), *runs("moc", moc)]
    rows = [row | {"logloss": row["auc"]} for row in rows]
    return judge(rows, dataclasses.replace(HELPS, **changes))[0]


def test_a_difference_is_averaged_over_data_sets_before_seeds_are_compared():
    rows = [
        *runs("none", NONE),
        *runs("moc", shifted(NONE, 0.02, 0.04, 0.06)),
        *runs("none", NONE, **TOYS),
        *runs("moc", shifted(NONE, 0.04, 0.02, -0.09), **TOYS),
    ]
    (finding,) = judge(rows)
    # .03, .03 and -.015: mean .015, standard deviation .02598, t 1.
    assert finding.difference.mean == pytest.approx(0.015)
    assert finding.difference.n == 3
    assert finding.difference.p_value == pytest.approx(0.4226, abs=1e-4)
    assert finding.difference.high == pytest.approx(0.015 + 4.3027 * 0.015, abs=1e-5)
    # In the other data set the mean is -.01.
    assert (finding.num_places, finding.num_wanted, finding.num_higher) == (2, 3, 1)
    assert not finding.is_complete


def test_a_data_set_that_lacks_seeds_does_not_count_yet():
    rows = [
        *runs("none", NONE),
        *runs("moc", shifted(NONE, 0.02, 0.04, 0.9)),
        *runs("none", {0: 0.5, 1: 0.5}, **TOYS),
        *runs("moc", {0: 0.52, 1: 0.54}, **TOYS),
    ]
    (finding,) = judge(rows)
    assert (finding.num_places, finding.difference.n) == (1, 3)
    assert finding.difference.mean == pytest.approx((0.02 + 0.04 + 0.9) / 3)


def test_a_data_set_with_more_seeds_does_not_leave_out_the_others():
    def rows(dataset, seeds, by):
        none = {seed: 0.5 + seed / 100 for seed in seeds}
        moc = {seed: auc + by for seed, auc in none.items()}
        changes = {"dataset": dataset, "data_sha256": dataset}
        return [*runs("none", none, **changes), *runs("moc", moc, **changes)]

    (finding,) = judge(
        [
            *rows("amazon/beauty", range(6), 0.03),
            *rows("amazon/toys", range(5), 0.01),
            *rows("amazon/games", range(5, 10), 0.9),
        ]
    )
    assert (finding.num_places, finding.difference.n) == (2, 5)
    assert finding.difference.mean == pytest.approx(0.02)


def test_protocols_are_judged_apart_and_adjusted_together():
    implicit = {"protocol": "implicit", "data_sha256": "y"}

    def expected(suite):
        cells = EXPECTED(suite)
        settings = [c.setting._replace(protocol="implicit") for c in cells]
        others = [
            cell._replace(setting=setting)
            for cell, setting in zip(cells, settings, strict=True)
        ]
        return [*cells, *others[:3]]

    rows = [
        *(*runs("none", NONE), *runs("moc", MOC)),  # +.031, p .00035
        *runs("none", NONE, **implicit),
        *runs("moc", RANDOM, **implicit),  # +.001, p .880
    ]
    rating, other = judge_claims([HELPS], {"table1": rows}, expected)
    assert (rating.protocol, other.protocol) == ("rating", "implicit")
    assert rating.difference.mean == pytest.approx(0.031)
    assert other.difference.mean == pytest.approx(0.001)
    assert (rating.verdict, other.verdict) == (HOLDS, UNDECIDED)
    assert rating.adjusted_p_value == pytest.approx(2 * rating.difference.p_value)
    assert (rating.num_wanted, other.num_wanted) == (3, 1)
    tables = claim_section.claim_tables([rating, other])
    assert [table.title for table in tables] == ["Claims, rating", "Claims, implicit"]
    assert [len(table.rows) for table in tables] == [1, 1]
    assert claim_section.claims_status([rating, other]).startswith(
        "Claims measured in full: 0 of 1 under rating, 0 of 1 under implicit."
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"seed": 0, "auc": 0.9}, "once.*none-0-none, seed 0, dcn_v2, beauty"),
        ({"seed": 3, "data_sha256": "y"}, "same data.*none-0-none, seed 3"),
        ({"seed": 3, "auc": "high"}, "must be a number.*auc 'high' of none-0-none"),
    ],
)
def test_rows_that_do_not_fit_together_are_refused(row, message):
    rows = [*runs("none", NONE), *runs("moc", MOC)]
    with pytest.raises(ValueError, match=message):
        judge([*rows, rows[0] | row])


def test_a_claim_is_measured_in_full_with_all_data_sets_and_seeds():
    def measured(num_seeds, *datasets):
        none = {seed: 0.5 + seed / 100 for seed in range(num_seeds)}
        moc = {seed: 0.52 + seed / 90 for seed in range(num_seeds)}
        rows = [
            row
            for dataset in datasets
            for method, aucs in (("none", none), ("moc", moc))
            for row in runs(method, aucs, dataset=dataset)
        ]
        return judge(rows)[0]

    every = ("amazon/beauty", "amazon/toys", "amazon/games")
    assert measured(5, *every).is_complete
    assert not measured(4, *every).is_complete
    assert not measured(5, *every[:2]).is_complete


@pytest.mark.parametrize(
    ("by", "verdict", "open_verdict"),
    [
        ((0.030, 0.031, 0.032), HOLDS, MORE),
        ((-0.030, -0.031, -0.032), DOES_NOT, LESS),
        ((0.0001, -0.0001, 0.0003), DOES_NOT, ALIKE),
        ((0.0003, 0.00031, 0.00032), DOES_NOT, ALIKE),  # more, and no matter
        ((-0.0003, -0.00031, -0.00032), DOES_NOT, ALIKE),
        ((0.0009, 0.00091, 0.00119), HOLDS, MORE),  # more, and may matter
        ((-0.0009, -0.00091, -0.00119), DOES_NOT, LESS),
        ((0.01, -0.01, 0.02), UNDECIDED, UNDECIDED),
        ((-0.01, -0.02, -0.0105), DOES_NOT, UNDECIDED),
        ((-0.007, -0.02, -0.0105), UNDECIDED, UNDECIDED),
    ],
)
def test_verdicts(by, verdict, open_verdict):
    assert compared(*by).verdict == verdict
    assert compared(*by, is_open=True).verdict == open_verdict


def test_a_difference_that_matters_is_tested_by_students_t():
    # Less .001: -.001, -.003, -.002, of mean -.002, standard error .000577, t -3.464.
    finding = compared(0, -0.002, -0.001)
    assert finding.adjusted_p_of_mattering == pytest.approx(0.0742, abs=1e-4)
    # And .001 more: mean 0.
    asked = compared(0, -0.002, -0.001, is_open=True)
    assert asked.adjusted_p_of_mattering == 1
    assert compared(0.003, 0.004, 0.005).adjusted_p_of_mattering == 1


@pytest.mark.parametrize(
    ("by", "verdict"),
    [
        ((-0.01, -0.02, -0.0105), UNDECIDED),  # in AUC it does not hold
        ((1e-4, -1e-4, 3e-4), UNDECIDED),
        ((-1.0, -1.1, -1.2), DOES_NOT),
    ],
)
def test_other_metrics_have_no_difference_too_small_to_matter(by, verdict):
    assert compared(*by, metric="logloss").verdict == verdict


def test_p_values_are_adjusted_over_all_claims_that_were_tested():
    claims = (
        HELPS,  # p .00035
        dataclasses.replace(HELPS, one=RANDOM_7),  # p .880
        dataclasses.replace(HELPS, one=Side("me", 7)),  # not there
    )
    rows = [*runs("none", NONE), *runs("moc", MOC), *runs("random", RANDOM)]
    first, second, third = judge(rows, *claims)
    assert first.adjusted_p_value == pytest.approx(2 * first.difference.p_value)
    assert second.adjusted_p_value == pytest.approx(second.difference.p_value)
    assert (first.verdict, second.verdict) == (HOLDS, UNDECIDED)
    assert third.difference is None
    assert math.isnan(third.adjusted_p_of_mattering)
    harms = dataclasses.replace(HELPS, one=NONE_0, other=MOC_7)
    (alone,) = judge(rows, harms)
    beside, _, _ = judge(rows, harms, *claims[1:])
    assert 0 < alone.adjusted_p_of_mattering < 0.001
    assert beside.adjusted_p_of_mattering == pytest.approx(
        2 * alone.adjusted_p_of_mattering
    )
    assert third.verdict == UNMEASURED
    assert (third.num_places, third.num_wanted) == (0, 0)


def test_one_seed_is_no_test():
    rows = [*runs("none", {0: 0.5}), *runs("moc", {0: 0.6})]
    (finding,) = judge(rows)
    assert finding.difference.mean == pytest.approx(0.1)
    assert finding.verdict == UNTESTED


def test_a_claim_may_be_of_two_differences():
    claim = dataclasses.replace(HELPS, beyond=(RANDOM_7, NONE_0))
    (finding,) = judge(small_suite(), claim)
    # MOC - RANDOM: .020, .042, .028. Toys has no random.
    assert finding.num_places == 1
    assert finding.difference.mean == pytest.approx(0.03)
    assert claim.formula == "(moc 7 - none) - (random 7 - none)"


def test_rows_of_the_validation_part_are_not_read():
    rows = [*runs("none", NONE), *runs("moc", MOC, split="validation")]
    assert judge(rows)[0].difference is None


def test_variants_and_fusions_are_told_apart():
    rows = [
        *runs("moc", NONE),
        *runs("moc", MOC, fusion="none"),
        *runs("moc", RANDOM, variant="diverse"),
    ]
    unfused = Side("moc", 7, fusion="none")
    diverse = Side("moc", 7, "diverse")
    fusion, variant = judge(
        rows,
        dataclasses.replace(HELPS, one=unfused, other=MOC_7),
        dataclasses.replace(HELPS, one=diverse, other=MOC_7),
    )
    assert fusion.difference.mean == pytest.approx(0.031)
    assert variant.difference.mean == pytest.approx(0.001)
    assert fusion.claim.formula == "moc 7 fusion none - moc 7"
    assert variant.claim.formula == "moc 7 diverse - moc 7"


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.formula)
def test_each_claim_is_decided_by_runs_of_its_suite(claim):
    assert claim.suite in SUITES
    assert claim.source in (PAPER, REVIEWERS, OURS)
    places = {(c.setting, c.model) for c in expected_cells(claim.suite)}
    for finding in judge_claims([claim], {}, expected_cells):
        here = [p for p in places if p[0].protocol == finding.protocol]
        assert finding.num_wanted == len(here) > 0


def test_no_claim_is_made_twice():
    assert len({claim.text for claim in CLAIMS}) == len(CLAIMS)
    assert len({(c.formula, c.metric, c.suite) for c in CLAIMS}) == len(CLAIMS)


def test_the_table_has_a_row_a_claim():
    findings = judge(
        small_suite(), HELPS, dataclasses.replace(HELPS, one=Side("me", 7))
    )
    (table,) = claim_section.claim_tables(findings)
    first, second = ([entry.text for entry in row[:-1]] for row in table.rows)
    # Beauty adds .030, .032, .031, toys nothing.
    assert first[5:] == [
        *("2 of 3", "+0.0155 ± 0.0012", "1 of 2", "< 0.001, < 0.001"),
        "holds (so far)",
    ]
    assert second[5:] == ["0 of 0", "-", "-", "-", UNMEASURED]
    assert first[1] == "moc 7 - none"
    assert "reproduce --suite=table1 " in table.rows[0][-1].command
    status = claim_section.claims_status(findings)
    assert status.startswith("Claims measured in full: 0 of 2 under rating.")
    row, missing = claim_section.claim_rows(findings)
    assert row["seeds"] == 3
    assert row["mean"] == pytest.approx(0.0155)
    assert missing["mean"] is None


def test_the_picture_has_what_was_measured_of_auc(tmp_path, axes_made):
    claims = (
        HELPS,
        dataclasses.replace(HELPS, one=Side("me", 7)),
        dataclasses.replace(HELPS, metric="logloss"),
        dataclasses.replace(HELPS, one=RANDOM_7, metric="auc_new_items"),
    )
    rows = [*runs("none", NONE), *runs("moc", MOC), *runs("random", RANDOM)]
    findings = judge(rows, *claims)
    claim_section.plot_claims(findings, tmp_path / "claims.svg")
    (axes,) = axes_made[0].flat
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["moc 7 - none", "random 7 - none, new items"]
    filled, empty = (c.lines[0].get_markerfacecolor() for c in axes.containers)
    assert filled != "white"
    assert empty == "white"
    assert axes.get_title() == "rating"
    assert_legible(claim_section.plot_claims, findings, tmp_path / "again.png")
    assert not claim_section.can_plot([findings[1], findings[2]])


def test_a_report_begins_with_the_claims_that_its_suites_decide(tmp_path):
    write(tmp_path / "table1", [*runs("none", NONE), *runs("moc", MOC)])
    told = list(write_report(tmp_path, tmp_path, EXPECTED))
    in_full = f"0 of {len(CLAIMS)} under rating"
    assert told[1] == f"claims: Claims measured in full: {in_full}."
    page = (tmp_path / "report.html").read_text()
    assert page.index('id="claims"') < page.index('id="table1"')
    markdown = (tmp_path / "claims/report.md").read_text()
    assert re.search(r"\| Seven parallel codes help\. +\| moc 7 - none", markdown)
    assert "reproduce --suite=NAME" in markdown
    assert "reproduce --suite=table1" in page
    assert "+0.0310" in (tmp_path / "claims/report.tex").read_text()
    assert (tmp_path / "claims/pictures/claims.png").exists()
    lines = (tmp_path / "claims/cells.csv").read_text().splitlines()
    assert len(lines) == 1 + len(CLAIMS)
