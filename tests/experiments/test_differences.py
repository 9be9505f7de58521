"""Any two configurations compared, by rows whose differences are known by hand."""

import subprocess
import sys

import pytest

from experiments.claims import Side
from experiments.reporting.pairs import PairError, difference_table, side_named
from tests.experiments.report_rows import DEEPFM, MOC, NONE, runs, small_suite, write


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("none", Side("none", 0)),
        ("vq-1", Side("vq", 1)),
        ("moc-7", Side("moc", 7)),
        ("moc-32-per_codebook", Side("moc", 32, "per_codebook")),
        ("moc-7:none", Side("moc", 7, "", "none")),
        ("rq_vae-3-shuffled:concat_mlp", Side("rq_vae", 3, "shuffled", "concat_mlp")),
    ],
)
def test_sides_are_named_as_people_write_them(text, side):
    assert side_named(text) == side


@pytest.mark.parametrize("text", ["moc", "none-7", "moc-seven", "moc-", ""])
def test_what_is_no_configuration_is_refused(text):
    with pytest.raises(PairError, match="such as moc-7"):
        side_named(text)


def lines(*arguments, **choices):
    text = difference_table(*arguments, **choices)
    return [" ".join(line.split()) for line in text.splitlines()]


def test_each_data_set_and_ranker_has_a_line_and_then_the_mean():
    rows = [*small_suite(), *runs("none", NONE, **DEEPFM), *runs("moc", NONE, **DEEPFM)]
    assert lines(rows, "moc-7", "none") == [
        "auc: moc 7 - none",
        "",
        "data set ranker seeds difference ± 95 % p",
        "-------------- ------ ----- ---------- ------ -----",
        "beauty, rating dcn_v2 3 +0.0310 0.0025 <.001",
        "toys, rating dcn_v2 3 +0.0000 0.0000 1.000",
        "beauty, rating deepfm 3 +0.0000 0.0000 1.000",
        "mean, rating 3 +0.0103 0.0008 <.001",
    ]


def test_protocols_have_means_of_their_own():
    other = {"protocol": "implicit", "data_sha256": "y"}
    rows = [
        *(*runs("none", NONE), *runs("moc", MOC)),
        *(*runs("none", NONE, **other), *runs("moc", NONE, **other)),
    ]
    assert [line.rpartition(" ")[0] for line in lines(rows, "moc-7", "none")[-2:]] == [
        "mean, rating 3 +0.0310 0.0025",
        "mean, implicit 3 +0.0000 0.0000",
    ]


def test_what_lacks_the_seeds_of_the_others_is_not_in_the_mean_and_is_named():
    short = {seed: NONE[seed] for seed in (0, 1)}
    rows = [
        *(*runs("none", NONE), *runs("moc", MOC)),
        *(*runs("none", short, **DEEPFM), *runs("moc", short, **DEEPFM)),
    ]
    found = lines(rows, "moc-7", "none")
    assert found[5].startswith("beauty, rating deepfm 2 +0.0000")
    assert found[6].startswith("mean, rating 3 +0.0310")
    assert found[-1].endswith("lack of their seeds: deepfm on beauty, rating.")


def test_rows_that_do_not_fit_together_are_refused():
    rows = [*runs("none", NONE), *runs("moc", MOC)]
    with pytest.raises(PairError, match="must be there once"):
        difference_table([*rows, rows[0]], "moc-7", "none")
    with pytest.raises(PairError, match=r"must be a number.*'abc'"):
        difference_table(rows, "moc-7", "none", "data_sha256")
    codes = [{"method": "moc", "num_codes": 7, "relative_error": 0.4}]
    with pytest.raises(PairError, match="must be of rankers"):
        difference_table(codes, "moc-7", "none")


def test_a_choice_of_metric_data_and_rankers():
    rows = [*small_suite(), *runs("none", NONE, **DEEPFM), *runs("moc", NONE, **DEEPFM)]
    chosen = {"datasets": ["amazon/beauty:rating"], "models": ["dcn_v2"]}
    found = lines(rows, "moc-7", "none", "logloss", **chosen)
    assert found[0] == "logloss: moc 7 - none"
    assert found[4:] == [
        "beauty, rating dcn_v2 3 -0.0310 0.0025 <.001",
        "mean, rating 3 -0.0310 0.0025 <.001",
    ]


def test_one_seed_has_no_interval():
    rows = [*runs("none", {0: 0.5}), *runs("moc", {0: 0.6})]
    assert lines(rows, "moc-7", "none")[4].endswith("1 +0.1000 - -")


def test_what_is_not_there_is_answered_by_what_is():
    rows = [*small_suite(), *runs("moc", MOC, fusion="none")]
    for one, metric in (("moc-8", "auc"), ("moc-7", "auc_of_mondays")):
        with pytest.raises(
            PairError, match=r"There are none, random-7, pq-7, moc-7, moc-7:none\.$"
        ):
            difference_table(rows, one, "none", metric)
    with pytest.raises(PairError, match=r"--datasets .*'amazon/toys:rating'.*Received"):
        difference_table(rows, "moc-7", "none", datasets=["toys"])
    with pytest.raises(PairError, match=r"--models .*\['dcn_v2'\].*'fmfm'"):
        difference_table(rows, "moc-7", "none", models=["fmfm"])


def test_the_binary_reads_a_suite(tmp_path):
    write(tmp_path / "table1", small_suite())

    def run(*flags):
        command = [sys.executable, "-m", "experiments.differences", *flags]
        command += [f"--results={tmp_path}", "--one=moc-7", "--other=none"]
        return subprocess.run(command, capture_output=True, text=True)

    assert "beauty, rating  dcn_v2" in run().stdout
    missing = run("--suite=table9")
    assert missing.returncode == 1
    assert "must hold a results.jsonl" in missing.stdout + missing.stderr
    assert "Traceback" not in missing.stderr
