"""A report from rows to files."""

import pathlib
import subprocess
import sys

import pytest

from experiments.reporting import writing
from experiments.reporting.grid import Cell, Configuration, Setting
from experiments.reporting.rows import RowsError
from experiments.reporting.writing import write_report
from tests.experiments.report_rows import MOC, NONE, runs, small_suite, write

ROOT = pathlib.Path(__file__).parents[2]
OTHER = [{"method": "pq", "error": 0.5}, {"method": "opq", "error": None}]


def expected(suite):
    setting = Setting("amazon/beauty", "rating")
    names = (("none", 0, "none"), ("moc", 7, "self_gating"), ("me", 7, "self_gating"))
    return [Cell(setting, "dcn_v2", Configuration(*name, "")) for name in names]


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    write(folder / "indexers", OTHER)
    write(folder / "headline", [*runs("none", NONE), *runs("moc", MOC)])
    (folder / "notes").mkdir()
    return folder


@pytest.fixture(scope="module")
def told_and_out(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "new"
    return list(write_report(results, out, expected)), out


def test_it_writes_tables_pictures_and_the_page(told_and_out):
    told, out = told_and_out
    assert told == [
        "headline: 1 of 3 cells are empty; seeds are missing in 2 more.",
        "indexers: 2 rows.",
        "1 of 3 cells are empty, in 1 suite of rankers.",
    ]
    kinds = ("auc", "differences", "gains")
    assert set(files(out)) == {
        "report.html",
        *(f"{name}/{file}" for name in ("headline", "indexers")
          for file in ("report.md", "report.tex", "cells.csv")),
        *(f"headline/pictures/{kind}_beauty_rating.{end}" for kind in kinds
          for end in ("png", "svg")),
    }  # fmt: skip
    page = (out / "report.html").read_text()
    assert page.index("1 of 3 cells are empty, in") < page.index("<nav")
    assert "Headline: the main methods in DCNv2" in page
    assert page.count("<svg") == 3
    markdown = (out / "headline/report.md").read_text()
    assert "| moc    |     7 | 0.5710 ± 0.1006; +0.0310 ± 0.0025 |" in markdown
    assert "- **log loss**: mean negative log-likelihood" in markdown
    assert "pq" in (out / "indexers/report.tex").read_text()


def test_equal_rows_give_equal_bytes(results, told_and_out, tmp_path):
    list(write_report(results, tmp_path, expected))
    assert files(tmp_path) == files(told_and_out[1])


def test_the_tables_of_the_repository_are_those_of_its_rows(tmp_path, monkeypatch):
    """Their pictures are those of one machine, and take long: they are left out."""
    for name in ("draw_pictures", "draw_code_pictures", "plot_gains", "plot_claims"):
        module = writing.claim_section if name == "plot_claims" else writing
        monkeypatch.setattr(module, name, lambda *_: [])
    monkeypatch.setattr(writing, "_texts", lambda _: [])
    committed = ROOT / "experiments/results"
    assert list(write_report(committed, tmp_path))
    made = files(tmp_path)
    tables = [name for name in made if name != writing.PAGE]
    assert len(tables) > 30
    stale = [name for name in tables if (committed / name).read_bytes() != made[name]]
    assert not stale, "Run python -m experiments.report and commit what it writes."


def test_a_report_that_fails_leaves_the_old_page(tmp_path, monkeypatch):
    write(tmp_path / "indexers", OTHER)
    (tmp_path / writing.PAGE).write_text("old")

    def failing(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", failing)
    with pytest.raises(OSError, match="disk full"):
        list(write_report(tmp_path, tmp_path))
    assert (tmp_path / writing.PAGE).read_text() == "old"


def test_candidates_of_a_search_are_left_out(tmp_path):
    write(tmp_path / "search_beauty_dcn_v2", [*runs("none", NONE), *runs("none", NONE)])
    write(tmp_path / "made_up", runs("none", NONE))
    told = list(write_report(tmp_path, tmp_path / "out", expected))
    assert [line.partition(":")[0] for line in told[:2]] == [
        "made_up",
        "search_beauty_dcn_v2",
    ]
    assert "left out" in told[1]
    assert not (tmp_path / "out/search_beauty_dcn_v2").exists()


def test_rows_that_do_not_fit_together_are_named(tmp_path):
    write(tmp_path / "made_up", [*runs("none", NONE), *runs("none", NONE)])
    with pytest.raises(RowsError, match=r"made_up.results.jsonl: .*one result a seed"):
        list(write_report(tmp_path, tmp_path / "out", expected))


def test_an_empty_suite_is_a_suite_of_empty_cells(tmp_path):
    write(tmp_path / "headline", [])
    told = list(write_report(tmp_path, tmp_path / "out", expected))
    assert told[0] == "headline: 3 of 3 cells are empty."


def run(*arguments):
    command = [sys.executable, "-m", "experiments.report", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_the_binary_reports_folders_that_are_no_suites_without_tensorflow(tmp_path):
    write(tmp_path / "mine", small_suite())
    out = tmp_path / "out"
    code = (
        "import atexit, sys; from absl import app; from experiments import report;"
        "atexit.register(lambda: print('loaded:', 'tensorflow' in sys.modules));"
        "app.run(report.main)"
    )
    command = [sys.executable, "-c", code, f"--results={tmp_path}", f"--out={out}"]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert "mine: 2 of 8 cells are empty." in process.stdout
    assert f"Page: {out / 'report.html'}" in process.stdout
    assert process.stdout.endswith("loaded: False\n")


def test_the_binary_explains_itself_and_what_is_wrong(tmp_path):
    assert "python -m experiments.report" in run("--help").stdout
    process = run(f"--results={tmp_path}")
    assert process.returncode != 0
    assert "must hold folders with a results.jsonl" in process.stderr + process.stdout
    assert "Traceback" not in process.stderr
