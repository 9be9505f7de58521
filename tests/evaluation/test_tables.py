import math
import re

import pytest

from moc_tf.evaluation import (
    mean_interval,
    paired_difference,
    results_table,
    summarise,
)


def run(method, seed, auc, **changes):
    return {
        "suite": "quickstart",
        "dataset": "planted",
        "protocol": "rating",
        "model": "dcn_v2",
        "method": method,
        "num_codes": 0 if method == "none" else 7,
        "fusion": None if method == "none" else "self_gating",
        "variant": "",
        "seed": seed,
        "split": "test",
        "auc": auc,
        "logloss": 1 - auc,
        "gauc": auc / 2,
        "auc_new_items": auc - 0.1,
        "num_parameters": 1234567,
        "num_epochs": 4 + seed,
        "train_seconds": 1.25 * (seed + 1),
        "data_sha256": "abc",
        **changes,
    }


NONE = [run("none", 0, 0.50), run("none", 1, 0.54), run("none", 2, 0.58)]
# Out of order: pairs must go by seed, not by place.
MOC = [run("moc", 2, 0.611), run("moc", 0, 0.530), run("moc", 1, 0.572)]


def test_summarise_groups_over_seeds_and_pairs_by_seed():
    moc, none = summarise(MOC + NONE)
    assert moc.group["method"] == "moc"
    assert moc.group["num_codes"] == 7
    assert "seed" not in moc.group
    assert moc.seeds == (0, 1, 2)
    assert moc.metrics["auc"] == mean_interval([0.611, 0.530, 0.572])
    assert moc.metrics["train_seconds"].mean == pytest.approx(2.5)
    assert moc.metrics["num_epochs"].mean == pytest.approx(5.0)
    assert moc.metrics["num_parameters"].mean == 1234567
    assert none.metrics["logloss"] == mean_interval([1 - 0.5, 1 - 0.54, 1 - 0.58])

    difference = moc.differences["auc"]
    oracle = paired_difference([0.530, 0.572, 0.611], [0.50, 0.54, 0.58])
    assert difference.mean == pytest.approx(oracle.mean)
    assert difference.p_value == pytest.approx(oracle.p_value)
    assert difference.verdict == "higher"
    assert moc.differences["logloss"].verdict == "lower"
    assert moc.differences["gauc"].mean == pytest.approx(difference.mean / 2)
    assert not {"train_seconds", "num_epochs"} & moc.differences.keys()
    assert none.differences == {}


def test_only_shared_seeds_are_paired():
    (moc, *_) = summarise([*MOC, NONE[2], NONE[0]])
    assert moc.differences["auc"].n == 2
    assert moc.differences["auc"].mean == pytest.approx((0.030 + 0.031) / 2)
    assert moc.metrics["auc"].n == 3
    (moc, *_) = summarise([MOC[0], NONE[0]])
    assert moc.differences == {}
    assert summarise(MOC)[0].differences == {}


def test_the_baseline_is_that_of_the_same_setting():
    toys = [run("none", seed, 0.4, dataset="toys") for seed in range(3)]
    toys_moc = [run("moc", seed, 0.5, dataset="toys") for seed in range(3)]
    summaries = summarise([*toys_moc, *MOC, *NONE, *toys])
    assert summaries[0].differences["auc"].mean == pytest.approx(0.1)
    assert summaries[1].differences["auc"].mean == pytest.approx(0.031)
    by_moc = summarise([*MOC, *NONE], baseline="moc")
    assert by_moc[1].differences["auc"].mean == pytest.approx(-0.031)
    assert by_moc[1].baseline == "moc"


@pytest.mark.parametrize("missing", [None, math.nan])
def test_a_metric_no_run_has_is_left_out(missing):
    runs = [{**result, "auc_new_items": missing} for result in NONE]
    for result in runs:
        del result["gauc"]
    moc, none = summarise([*MOC, *runs])
    assert "auc_new_items" not in none.metrics
    assert "gauc" not in none.metrics
    assert "auc_new_items" in moc.metrics
    assert set(moc.differences) == {"auc", "logloss"}


def test_information_abundance_is_summarised_and_must_be_in_all_runs():
    rows = [run("moc", seed, 0.5, information_abundance=4.0 + seed) for seed in (0, 1)]
    (moc,) = summarise(rows)
    assert moc.metrics["information_abundance"] == mean_interval([4, 5])
    assert moc.differences == {}
    lacking = run("moc", 2, 0.5)
    for row in (lacking, lacking | {"information_abundance": None}):
        with pytest.raises(ValueError, match=r"information_abundance must be in all"):
            summarise([*rows, row])


def test_a_cost_that_some_rows_lack_is_left_out():
    every = [run("moc", seed, 0.5) for seed in (0, 1)]
    assert summarise(every)[0].metrics["num_epochs"] == mean_interval([4, 5])
    lacking = [every[0], every[1] | {"num_epochs": None}]
    assert "num_epochs" not in summarise(lacking)[0].metrics


@pytest.mark.parametrize(
    ("results", "by", "message"),
    [
        ([*MOC, MOC[0]], None, r"one result a seed\. Received: two of seed 2 for.*moc"),
        (
            [*MOC, run("moc", 0, 0.6, variant="diverse")],
            ("method", "num_codes"),
            "two of seed 0 for method='moc', num_codes=7. Drop",
        ),
        ([{"method": "moc"}], ("method",), r"one without \['seed'\]"),
        (MOC, ("method", "colour"), r"one without \['colour'\]"),
        (MOC, ("num_codes",), r"must contain 'method'. Received: \('num_codes',\)"),
        (
            [*MOC[:2], {**MOC[2], "auc": None}],
            None,
            r"auc must be in all runs.* Received: 2 of 3 runs for.*'moc'",
        ),
        (
            [*NONE, {**MOC[0], "data_sha256": "other"}],
            None,
            r"the same data.*different data_sha256 at seed 2 for.*'moc'.*'none'",
        ),
        (
            [*NONE, run("none", 0, 0.5, variant="b")],
            None,
            r"'none' must have one configuration.*second,.*variant='b'",
        ),
    ],
)
def test_results_that_do_not_fit_together_are_named(results, by, message):
    with pytest.raises(ValueError, match=message):
        summarise(results, **({} if by is None else {"by": by}))


def test_what_to_do_about_a_metric_that_some_seeds_lack_is_said():
    lacking = {key: value for key, value in MOC[0].items() if key != "gauc"}
    told = (
        r"^gauc must be .*: 2 of 3 runs for .*method='moc', num_codes=7.*, not those "
        r"of seeds \[2\]\. Run these again, or remove 'gauc' from the others\.$"
    )
    with pytest.raises(ValueError, match=told):
        summarise([lacking, *MOC[1:]])


def test_results_table():
    random = [
        run("random", i, r["auc"] + d)
        for i, (r, d) in enumerate(zip(NONE, (0.01, -0.01, 0.003), strict=True))
    ]
    for result in random:
        result["auc_new_items"] = None
    # Half-widths by hand: 4.302653 / sqrt(3) times the standard deviations 0.04
    # (none), 0.0405093 (moc), 0.001 (moc - none), 0.0377227 (random), 0.0101489.
    table = results_table(summarise([*NONE, *MOC, *random]))
    lines = [" | ".join(re.split(" {2,}", line)) for line in table.splitlines()]
    assert lines[0] == (
        "method | codes | AUC | Δ AUC vs none | AUC new items | log loss | parameters"
        " | seconds"
    )
    assert lines[2:] == [
        "none | 0 | 0.5400 ± 0.0994 | - | 0.4400 ± 0.0994 | 0.4600 ± 0.0994"
        " | 1,234,567 | 2.5",
        "moc | 7 | 0.5710 ± 0.1006 | +0.0310 ± 0.0025 | 0.4710 ± 0.1006"
        " | 0.4290 ± 0.1006 | 1,234,567 | 2.5",
        "random | 7 | 0.5410 ± 0.0937 | +0.0010 ± 0.0252 n.s. | -"
        " | 0.4590 ± 0.0937 | 1,234,567 | 2.5",
    ]


def test_one_seed_has_no_interval_in_the_table():
    lines = results_table(summarise([NONE[0], MOC[1]])).splitlines()
    assert lines[3].split() == [
        "moc",
        "7",
        "0.5300",
        "+0.0300",
        "0.4300",
        "0.4700",
        "1,234,567",
        "1.2",
    ]


def test_keys_are_shown_where_lines_would_look_alike():
    gated = run("moc", 0, 0.6)
    ungated = run("moc", 0, 0.6, fusion="none")
    header, _, *lines = results_table(summarise([gated, ungated])).splitlines()
    assert header.split()[:2] == ["fusion", "method"]
    assert [line.split()[0] for line in lines] == ["self_gating", "none"]
    other = run("none", 0, 0.5, model="deepfm")
    header = results_table(summarise([NONE[0], other, gated])).splitlines()[0]
    assert header.split()[:2] == ["model", "method"]


def test_a_variant_is_shown_wherever_there_is_one():
    prefix = run("moc", 0, 0.6, variant="prefix")
    header, _, *lines = results_table(summarise([NONE[0], prefix])).splitlines()
    assert header.split()[:2] == ["variant", "method"]
    assert [line.split()[:2] for line in lines] == [["-", "none"], ["prefix", "moc"]]
    both = summarise([MOC[0], {**prefix, "seed": MOC[0]["seed"]}])
    assert [summary.group["variant"] for summary in both] == ["", "prefix"]


def test_a_table_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one summary"):
        results_table([])
