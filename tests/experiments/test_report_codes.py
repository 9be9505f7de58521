"""What a report shows of suites of codes, by hand-computed values."""

import csv
import io
import json
import re

import matplotlib.axes
import pytest

from experiments.code_suites import CODE_SUITES
from experiments.reporting import code_layouts
from experiments.reporting.cells_csv import code_cells_csv
from experiments.reporting.code_grid import code_suite_of, make_code_grid
from experiments.reporting.code_layouts import LAYOUTS
from experiments.reporting.code_section import code_tables
from experiments.reporting.inline_svg import inline_svg
from experiments.reporting.legend import METHODS
from experiments.reporting.writing import write_report
from tests.experiments.report_rows import write
from tests.legible import assert_legible

FIGURES = {
    "relative_error": 0.5,
    "min_usage": 1.0,
    "unique_codes": 0.25,
    "neighbour_recall": 0.125,
    "mean_nmi": 0.5,
    "chance_nmi": 0.25,
    "pairwise_nmi": [[1.0, 0.5], [0.5, 1.0]],
    **{
        f"{prefix}{name}": value
        for prefix in ("", "joint_")
        for name, value in {
            "cluster_nmi": 0.5,
            "cluster_ami": 0.25,
            "label_bits": 0.1,
            "chance_label_bits": 0.04,
            "extra_label_bits": 0.06,
        }.items()
    },
}


def rows(method, num_codes, errors=(0.5,), **changes):
    return [
        {
            "suite": "figure1",
            "dataset": "amazon/beauty",
            "protocol": "rating",
            "method": method,
            "num_codes": num_codes,
            "seed": seed,
            "data_sha256": "abc",
            **FIGURES,
            "relative_error": error,
            **changes,
        }
        for seed, error in enumerate(errors)
    ]


# Half of the interval of these two: 12.7062 * 0.1414214 / sqrt(2) = 1.2706.
SOME = [*rows("moc", 2, (0.4, 0.6)), *rows("vq", 1, (0.7,), mean_nmi=None)]


def texts(table):
    return [[entry.text for entry in row] for row in table.rows]


def files(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_a_table_has_a_row_a_cell_and_empty_ones_too():
    grid = make_code_grid("figure1", SOME)
    (table,) = code_tables(grid)
    assert list(table.heads)[:5] == [
        *("method", "codes", "seeds", "relative error", "least usage")
    ]
    found = {(row[0], row[1]): row[2:] for row in texts(table)}
    assert list(found) == [(name, str(n)) for name, n in CODE_SUITES["figure1"].cells]
    assert found["moc", "2"][:3] == ["2", "0.5000 ± 1.2706", "1.0000 ± 0.0000"]
    assert found["vq", "1"][:2] == ["1", "0.7000"]
    assert found["opq", "32"] == ["-"] * 5
    cells = len(CODE_SUITES["figure1"].cells)
    assert grid.completeness == (
        f"{cells - 2} of {cells} cells are empty; seeds are missing in 1 more."
    )


def test_seeds_are_missing_where_all_cells_lack_the_same():
    grid = make_code_grid("figure1", SOME, num_seeds=5)
    assert grid.completeness.endswith("; seeds are missing in 2 more.")
    full = make_code_grid("figure1", rows("moc", 2, [0.1] * 5), num_seeds=5)
    assert full.completeness.endswith("cells are empty.")


def test_cells_that_a_suite_does_not_ask_for_and_other_data_are_shown():
    toys = rows("moc", 5, dataset="amazon/toys")
    grid = make_code_grid("figure3", [*SOME, *toys])
    assert [setting.label for setting in grid.settings] == [
        "beauty, rating",
        "toys, rating",
    ]
    _, of_toys = code_tables(grid)
    assert texts(of_toys)[-1] == ["moc", "5", "1", "0.5000", "0.2500"]


def test_the_csv_has_every_figure_in_full():
    text = code_cells_csv(make_code_grid("figure1", SOME))
    found = {
        (r["method"], r["num_codes"]): r for r in csv.DictReader(io.StringIO(text))
    }
    moc, opq = found["moc", "2"], found["opq", "8"]
    assert (moc["dataset"], moc["seeds"]) == ("amazon/beauty", "0 1")
    assert float(moc["relative_error_mean"]) == 0.5
    assert float(moc["relative_error_low"]) == pytest.approx(0.5 - 1.2706, abs=1e-4)
    assert (opq["seeds"], opq["relative_error_mean"]) == ("", "")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (rows("moc", 2) * 2, r"different seeds\. Received: seeds \[0, 0\] of 'moc'"),
        (
            [*rows("pq", 3, (0.1, 0.2))[1:], *rows("pq", 3, data_sha256="other")],
            "same data.*of 'pq' with 3 codes",
        ),
    ],
)
def test_rows_that_do_not_fit_together_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        make_code_grid("figure1", wrong)


def test_a_folder_is_of_a_suite_by_its_name_or_that_in_its_rows():
    assert code_suite_of("figure2", []) == "figure2"
    assert code_suite_of("planted_rating", SOME) == "figure1"
    assert code_suite_of("indexers", [{"method": "pq"}]) is None
    assert set(LAYOUTS) == set(CODE_SUITES)


def test_the_legend_knows_every_method_of_codes():
    told = {part for term in METHODS for part in term.split(", ")}
    for suite in CODE_SUITES.values():
        assert set(suite.methods) <= told


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    write(folder / "figure1", SOME)
    every = [*SOME, *rows("pq", 2)]
    write(folder / "figure2", [{**row, "suite": "figure2"} for row in every])
    write(folder / "figure3", [{**row, "suite": "figure3"} for row in every])
    return folder


def test_a_report_has_their_pictures_and_tables_in_every_format(results, tmp_path):
    told = list(write_report(results, tmp_path / "one"))
    assert told[0].startswith("figure1: ")
    assert told[-1] == "0 of 0 cells are empty, in 0 suites of rankers."
    out = files(tmp_path / "one")
    names = ("error", "discriminability", "redundancy")
    for number, name in enumerate(names, 1):
        folder = f"figure{number}"
        picture = out[f"{folder}/pictures/{name}_beauty_rating.png"]
        assert picture.startswith(b"\x89PNG")
        assert b"<svg" in out[f"{folder}/pictures/{name}_beauty_rating.svg"]
        for file in ("report.md", "report.tex", "cells.csv"):
            assert b"moc" in out[f"{folder}/{file}"]
    markdown = out["figure2/report.md"].decode()
    assert "- **label bits**: I(code; label)" in markdown
    page = out["report.html"].decode()
    assert page.count("<svg") == 3
    assert all(layout.title in page for layout in LAYOUTS.values())
    assert "Figures of codes" in page
    list(write_report(results, tmp_path / "two"))
    assert files(tmp_path / "two") == out


def test_a_part_of_a_suite_is_shown_beside_the_whole(tmp_path):
    for name in ("figure1", "planted_rating"):
        write(tmp_path / name, SOME)
    list(write_report(tmp_path, tmp_path))
    page = (tmp_path / "report.html").read_text()
    anchors = re.findall(r' id="([^"]+)"', page)
    assert len(anchors) == len(set(anchors))
    assert {"figure1-beauty_rating", "planted_rating-beauty_rating"} <= set(anchors)


def test_an_empty_suite_of_codes_has_a_table_of_empty_cells(tmp_path):
    write(tmp_path / "figure3", [])
    told = list(write_report(tmp_path, tmp_path / "out"))
    cells = len(CODE_SUITES["figure3"].cells)
    assert told[0] == f"figure3: {cells} of {cells} cells are empty."
    assert not list(tmp_path.glob("out/figure3/pictures/*"))


def test_the_figure_of_clicks_draws_both_numbers_and_the_difference(
    tmp_path, monkeypatch
):
    lines, original = [], matplotlib.axes.Axes.plot

    def record(self, xs, ys, **look):
        lines.append((xs, [round(y, 4) for y in ys], look.get("linestyle")))
        return original(self, xs, ys, **look)

    monkeypatch.setattr(matplotlib.axes.Axes, "plot", record)
    LAYOUTS["figure2"].draw(rows("moc", 2), tmp_path / "plot.png")
    of_each = [((2,), [0.5], None), ((2,), [0.25], None)]
    of_each += [((2,), [0.1], None), ((2,), [0.04], "--"), ((2,), [0.06], None)]
    assert lines == of_each * 2


def test_heat_maps_tell_mean_range_and_chance(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        code_layouts, "plot_redundancy", lambda maps, *_: drawn.update(maps)
    )
    several = rows("moc", 2, (0.4, 0.6))
    several[1] |= {"mean_nmi": 0.7, "pairwise_nmi": [[1.0, 0.7], [0.7, 1.0]]}
    one = rows("vq", 1, mean_nmi=None)
    LAYOUTS["figure3"].draw([*several, *one], tmp_path / "plot.png")
    (name,) = drawn
    assert name == ("moc, 2 codes, seed 0\nmean 0.600 (0.500 to 0.700), chance 0.250")
    assert drawn[name] == [[1.0, 0.5], [0.5, 1.0]]


@pytest.mark.parametrize("suffix", [".png", ".svg"])
@pytest.mark.parametrize("suite", LAYOUTS)
def test_all_that_a_picture_of_codes_says_can_be_read(suite, suffix, tmp_path):
    methods = CODE_SUITES[suite].methods
    shown = [row for name in methods for row in rows(name, 2, (0.4, 0.5))]
    assert_legible(LAYOUTS[suite].draw, shown, tmp_path / f"plot{suffix}")


def test_heat_maps_in_a_page_keep_their_images(tmp_path):
    LAYOUTS["figure3"].draw(rows("moc", 2), tmp_path / "plot.svg")
    svg = (tmp_path / "plot.svg").read_text()
    element = inline_svg(svg, "p0-1", "title")
    assert element.count('href="data:image/png;base64,') == svg.count("data:image/png")
    assert svg.count("data:image/png") >= 1
    assert json.dumps(element).count("<image") == svg.count("<image")
