"""Figures of codes beside what rankers gain by them, by rows known by hand."""

import math

import pytest

from experiments.reporting import code_gains
from experiments.reporting.gain_picture import plot_gains
from experiments.reporting.writing import write_report
from tests.experiments.report_rows import MOC, NONE, PQ, RANDOM, runs, shown, write
from tests.legible import assert_legible

RANKERS = [
    *runs("none", NONE),
    *runs("moc", MOC),  # +.0310
    *runs("pq", PQ),  # +.0123
    *runs("random", RANDOM),  # +.0010
]


def fits(method, error, nmi, ami, num_codes=7, **changes):
    """Two fits of an indexer; the second has .02 more of each figure."""
    return [
        {
            "suite": "figure3",
            "dataset": "amazon/beauty",
            "protocol": "rating",
            "method": method,
            "num_codes": num_codes,
            "seed": seed,
            "relative_error": None if error is None else error + 0.02 * seed,
            "mean_nmi": nmi + 0.02 * seed,
            "chance_nmi": 0.1,
            "cluster_ami": ami + 0.02 * seed,
            "extra_label_bits": 0.02 * seed,
            "pairwise_nmi": [[1.0, nmi], [nmi, 1.0]],
            **changes,
        }
        for seed in (0, 1)
    ]


CODES = [
    *fits("moc", 0.4, 0.3, 0.6),
    *fits("pq", 0.5, 0.2, 0.5),
    *fits("random", None, 0.1, 0.0),
]


def test_figures_and_gains_of_the_same_codes_are_joined():
    rows = [*CODES, *CODES, *fits("moc", 9.0, 9.0, 9.0, num_codes=3)]
    moc, pq, random = code_gains.code_gains(rows, RANKERS)
    assert [each.side.method for each in (moc, pq, random)] == ["moc", "pq", "random"]
    assert moc.figures["error"].mean == pytest.approx(0.41)
    assert moc.figures["redundancy"].mean == pytest.approx(0.21)
    assert moc.figures["meaning"].mean == pytest.approx(0.61)
    assert moc.figures["clicks"].mean == pytest.approx(0.01)
    assert moc.figures["clicks"].n == 2  # a fit counts once
    assert moc.gains["auc"].mean == pytest.approx(0.031)
    assert moc.gains["auc_new_items"].mean == pytest.approx(0.031)
    assert "error" not in random.figures


def test_codes_that_no_ranker_read_and_other_rankers_are_left_out():
    others = runs("opq", MOC, model="deepfm")
    elsewhere = runs("opq", MOC, dataset="amazon/toys", data_sha256="x")
    fused = runs("opq", MOC, fusion="none")
    rows = [*CODES, *fits("opq", 0.3, 0.2, 0.4), *fits("rq_vae", 0.3, 0.2, 0.4)]
    found = code_gains.code_gains(rows, [*RANKERS, *others, *elsewhere, *fused])
    assert [each.side.method for each in found] == ["moc", "pq", "random"]


def test_names_of_figures_are_those_of_methods_and_variants():
    rankers = [*RANKERS, *runs("moc", RANDOM, variant="diverse")]
    rows = [*fits("moc", 0.4, 0.3, 0.6), *fits("diverse_moc", 0.3, 0.2, 0.5)]
    first, second = code_gains.code_gains(rows, rankers)
    assert (first.side.variant, second.side.variant) == ("", "diverse")
    assert second.gains["auc"].mean == pytest.approx(0.001)


def test_ranks_are_correlated_over_the_methods_that_have_the_figure():
    gains = code_gains.code_gains(
        [*CODES, *fits("rq_vae", 0.1, 0.5, 0.4)], [*RANKERS, *runs("rq_vae", NONE)]
    )
    # Gains: moc, pq, random, rq_vae. Errors of three: .4, .5, .1, ranks 2, 3, 1.
    assert code_gains.rank_correlation(gains, "error") == pytest.approx(0.5)
    # Meaning: .6, .5, 0, .4. One pair is the other way round.
    assert code_gains.rank_correlation(gains, "meaning") == pytest.approx(0.8)
    assert math.isnan(code_gains.rank_correlation(gains[:2], "meaning"))


def test_the_table_ends_with_the_correlations():
    gains = code_gains.code_gains(CODES, RANKERS)
    ((setting, found),) = code_gains.by_setting(gains).items()
    table = code_gains.gain_table(setting, found)
    *_, random, last = shown(table)
    assert table.title == "7 codes in dcn_v2 on beauty, rating"
    assert random["relative error"] == "-"
    assert random["Δ AUC to none"] == "+0.0010 ± 0.0252"
    assert last["method"] == "rank correlation"
    assert last["AMI of a code with clusters of the vectors"] == "+1.00"
    assert last["relative error"] == last["Δ AUC to none"] == "-"
    assert {len(row) for row in table.rows} == {len(table.heads)}


def test_the_picture_has_a_point_a_method_in_each_panel(tmp_path, axes_made):
    plot_gains(code_gains.code_gains(CODES, RANKERS), tmp_path / "gains.svg")
    panels = list(axes_made[0].flat)
    assert [len(axes.containers) for axes in panels] == [2, 3, 3, 3]
    (point,) = panels[0].containers[0].lines[0].get_xydata()
    assert point == pytest.approx((0.41, 0.031))
    assert [text.get_text() for text in panels[1].texts] == ["moc", "pq", "random"]
    assert "rank correlation +1.00" in panels[2].get_xlabel()
    assert "rank correlation" not in panels[0].get_xlabel()  # two methods
    assert all("95 % interval" in axes.get_ylabel() for axes in panels)


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_all_that_the_picture_says_can_be_read(tmp_path, suffix):
    codes, rankers = [*CODES], [*RANKERS]
    for variant in ("per_codebook", "shared_latent", "concatenated"):
        codes += fits(f"{variant}_moc", 0.6, 0.5, 0.9)
        rankers += runs("moc", MOC, variant=variant)
    gains = code_gains.code_gains(codes, rankers)
    assert_legible(plot_gains, gains, tmp_path / f"gains{suffix}")


def test_the_report_has_them_where_codes_and_rankers_meet(tmp_path):
    write(tmp_path / "figure3", CODES)
    write(tmp_path / "headline", RANKERS)
    told = list(write_report(tmp_path, tmp_path / "apart"))
    assert not (tmp_path / "apart/gains").exists()  # headline decides no claim
    write(tmp_path / "reviewers", RANKERS)
    told = list(write_report(tmp_path, tmp_path / "out"))
    assert "gains: 3 ways to make codes." in told
    assert 'id="gains"' in (tmp_path / "out/report.html").read_text()
    assert "+0.0310" in (tmp_path / "out/gains/report.md").read_text()
    for suffix in ("png", "svg"):
        name = f"out/gains/pictures/gains_beauty_rating.{suffix}"
        assert (tmp_path / name).exists()
    lines = (tmp_path / "out/gains/cells.csv").read_text().splitlines()
    assert len(lines) == 4
