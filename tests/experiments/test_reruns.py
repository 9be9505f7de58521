"""Cells that were run again, by rows whose intervals are known by hand."""

import pytest

from experiments.reporting.reruns import RerunError, rerun_table
from experiments.reporting.rows import is_of_ranker, read_rows, rows_under
from tests.experiments.binaries import ROOT, run
from tests.experiments.report_rows import DEEPFM, MOC, NONE, runs, small_suite, write

# Of NONE, the mean is .54, the standard deviation .04 and t 4.303, so ± .0994; of MOC
# .571, .04051 and ± .1006.
SHIFTED = {seed: auc + 0.09 for seed, auc in NONE.items()}
FAR = {seed: auc + 0.11 for seed, auc in NONE.items()}


def lines(*arguments):
    text = rerun_table(*arguments)
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_mean_is_inside_the_first_interval_or_not():
    again = [*runs("none", FAR), *runs("moc", MOC), *runs("pq", NONE, **DEEPFM)]
    assert lines(again, small_suite())[:8] == [
        "auc",
        "",
        "data set ranker method fusion first again difference inside same seeds",
        "-------------- ------ ------ ----------- --------------- --------------- "
        "---------- ------ ----------",
        "beauty, rating dcn_v2 none none 0.5400 ± 0.0994 0.6500 ± 0.0994 +0.1100 no "
        "0 of 3",
        "beauty, rating dcn_v2 moc-7 self_gating 0.5710 ± 0.1006 0.5710 ± 0.1006 "
        "+0.0000 yes 3 of 3",
        "",
        "Inside: 1 of 2. Not among the first: 1 more.",
    ]


def test_the_edge_is_that_of_the_first_interval():
    assert "Inside: 1 of 1." in lines(runs("none", SHIFTED), small_suite())
    assert "Inside: 0 of 1." in lines(runs("none", FAR), small_suite())


def test_one_seed_again_has_no_interval_but_a_place():
    (*_, line), (*_, count) = (
        lines(runs("none", {1: 0.55}), small_suite())[start:end]
        for start, end in ((4, 5), (6, 7))
    )
    assert "0.5400 ± 0.0994 0.5500 +0.0100 yes 0 of 1" in line
    assert count == "Inside: 1 of 1."


def test_a_run_that_two_suites_have_counts_once():
    twice = [*small_suite(), *runs("none", NONE, suite="another")]
    assert lines(runs("none", NONE), twice) == lines(runs("none", NONE), small_suite())


@pytest.mark.parametrize(
    ("again", "metric", "message"),
    [
        (runs("moc", MOC, num_codes=9), "auc", "No cell that was run again"),
        (runs("moc", MOC, data_sha256="x"), "auc", "on other rows than the first"),
        (runs("moc", MOC), "auc_head_items", "a number of every row"),
        ([{"method": "moc"}], "auc", "rows must be of rankers"),
        ([], "auc", "rows must be of rankers"),
    ],
    ids=["cell", "data", "metric", "rows", "empty"],
)
def test_what_cannot_be_compared_is_told(again, metric, message):
    with pytest.raises(RerunError, match=message):
        rerun_table(again, small_suite(), metric)


def test_the_binary_finds_the_first_rows(tmp_path):
    write(tmp_path / "results/made_up", small_suite())
    write(tmp_path / "again", runs("moc", MOC))
    told = run(
        "compare_reruns",
        f"--again={tmp_path / 'again/results.jsonl'}",
        f"--results={tmp_path / 'results'}",
    ).stdout
    assert "Inside: 1 of 1." in told
    missing = run("compare_reruns", f"--again={tmp_path / 'no.jsonl'}", check=False)
    assert missing.returncode == 1
    assert "There is no file" in missing.stdout + missing.stderr


def test_the_cells_that_were_run_again_are_inside_the_committed_intervals():
    results = ROOT / "experiments/results"
    again = read_rows(results / "reruns/toys_and_games_implicit/results.jsonl")
    first = list(filter(is_of_ranker, rows_under(results)))
    assert len(again) == 65
    assert "Inside: 13 of 13." in rerun_table(again, first)
