"""What stands in the tables of a report, by hand-computed values."""

import csv
import io
import json

import pytest

from experiments.reporting.cells_csv import cells_csv, rows_csv
from experiments.reporting.grid import Cell, Configuration, Setting, make_grid
from experiments.reporting.rows import RowsError, folders_of, read_rows, rows_under
from experiments.reporting.tables import all_tables, details, overview, plain_table
from moc_tf.evaluation import contrast
from tests.experiments.report_rows import (
    MOC,
    NONE,
    PQ,
    runs,
    small_suite,
    with_spectra,
    write,
)

BEAUTY, TOYS = Setting("amazon/beauty", "rating"), Setting("amazon/toys", "rating")


def texts(row):
    return [entry.text for entry in row]


def column(table, head):
    return [row[list(table.heads).index(head)] for row in table.rows]


def test_an_overview_has_a_row_a_configuration_and_a_column_a_data_set():
    table = overview(make_grid("made_up", small_suite()), "dcn_v2")
    assert list(table.heads) == ["method", "codes", "beauty, rating", "toys, rating"]
    # Half-widths by hand: 4.302653 / sqrt(3) times the standard deviation.
    assert [texts(row) for row in table.rows] == [
        ["none", "0", "0.5400 ± 0.0994", "0.5400 ± 0.0994"],
        ["random", "7", "0.5410 ± 0.0937", "-"],
        ["pq", "7", "0.5523 ± 0.1056", "-"],
        ["moc", "7", "0.5710 ± 0.1006", "0.5400 ± 0.0994"],
    ]
    assert [entry.note for entry in column(table, "beauty, rating")] == [
        "",
        "+0.0010 ± 0.0252 n.s.",
        "+0.0123 ± 0.0063",
        "+0.0310 ± 0.0025",
    ]
    assert column(table, "toys, rating")[3].note == "+0.0000 ± 0.0000 n.s."


def test_details_tell_of_differences_with_adjusted_p_values():
    # Four differences are tested, with p 0.00035, 0.0136, 0.880 and, on toys, 1:
    # times 4, 3, 2 and 1 these are 0.0014, 0.041, 1 and 1.
    grid = make_grid("made_up", small_suite())
    table = details(grid, "dcn_v2", BEAUTY)
    assert [entry.note for entry in column(table, "Δ AUC to none")] == [
        "",
        "p 0.880, adjusted 1.000",
        "p 0.014, adjusted 0.041",
        "p < 0.001, adjusted 0.001",
    ]
    assert texts(column(table, "Δ AUC to vq")) == ["-"] * 4
    moc = dict(zip(table.heads, texts(table.rows[3]), strict=True))
    assert moc | {"command": ""} == {
        "method": "moc",
        "codes": "7",
        "seeds": "3",
        "AUC": "0.5710 ± 0.1006",
        "Δ AUC to none": "+0.0310 ± 0.0025",
        "Δ AUC to vq": "-",
        "Δ AUC to me": "-",
        "AUC, new items": "0.4710 ± 0.1006",
        "AUC, tail items": "0.5210 ± 0.1006",
        "log loss": "0.4290 ± 0.1006",
        "parameters": "1,234,567",
        "epochs": "5.0",
        "seconds": "2.5",
        "command": "",
    }
    # One more ranker is a family of its own and changes nothing here.
    more = [*small_suite(), *(row | {"model": "deepfm"} for row in small_suite())]
    assert details(make_grid("made_up", more), "dcn_v2", BEAUTY).rows == table.rows


def test_information_abundance_is_shown_where_a_suite_has_it():
    # 1.5, 2 and 1.75: the half-width is 4.302653 / sqrt(3) times 0.25.
    moc = with_spectra(runs("moc", MOC), [2, 1], [2, 2], [4, 3])
    me = with_spectra(runs("me", MOC), [2, 0], [2, 1], [4, 1])
    grid = make_grid("made_up", [*runs("none", NONE), *me, *moc])
    table = details(grid, "dcn_v2", BEAUTY)
    shown = texts(column(table, "information abundance"))
    assert shown == ["-", "1.25 ± 0.62", "1.75 ± 0.62"]
    assert len({len(row) for row in table.rows} | {len(table.heads)}) == 1
    rows = list(csv.DictReader(io.StringIO(cells_csv(grid))))
    means = [row["information_abundance_mean"] for row in rows]
    assert means == ["", "1.25", "1.75"]
    assert float(rows[2]["information_abundance_less_me_mean"]) == 0.5
    assert rows[2]["information_abundance_less_none_mean"] == ""
    assert grid.spectra == {
        cell: [row["code_spectrum"] for row in found]
        for cell, found in zip(grid.wanted[1:], (me, moc), strict=True)
    }
    wanted = [*grid.wanted, grid.wanted[1]._replace(model="deepfm")]
    empty = details(make_grid("made_up", moc, wanted), "deepfm", BEAUTY)
    assert [len(row) for row in empty.rows] == [len(empty.heads)]


def test_all_runs_of_a_cell_have_spectra_or_none():
    moc = with_spectra(runs("moc", MOC), [2, 1], [2, 2], [4, 3])
    grid = make_grid("made_up", runs("none", NONE))
    assert grid.spectra == {}
    assert "information abundance" not in details(grid, "dcn_v2", BEAUTY).heads
    moc[1] |= {"information_abundance": None, "code_spectrum": None}
    with pytest.raises(ValueError, match=r"abundance must be in all.*2 of 3 runs"):
        make_grid("made_up", moc)


def test_a_difference_that_correction_takes_back_is_marked():
    rows = [*runs("none", NONE), *runs("pq", PQ), *runs("moc", NONE)]
    for count in (2, 3, 4):
        rows += runs("random", NONE, count)
    table = details(make_grid("made_up", rows), "dcn_v2", BEAUTY)
    # The interval excludes 0; p is 0.0136 times 5.
    pq = column(table, "Δ AUC to none")[1]
    assert pq == ("+0.0123 ± 0.0063 n.s.", "p 0.014, adjusted 0.068", "", "")


def test_one_seed_has_neither_interval_nor_p_value():
    rows = [*runs("none", {0: 0.5}), *runs("moc", {0: 0.53})]
    table = details(make_grid("made_up", rows), "dcn_v2", BEAUTY)
    difference = column(table, "Δ AUC to none")[1]
    assert (difference.text, difference.note) == ("+0.0300", "")
    assert column(table, "AUC")[1].text == "0.5300"


def test_variant_and_fusion_are_shown_where_they_differ():
    rows = [
        *runs("none", NONE),
        *runs("moc", MOC),
        *runs("moc", MOC, variant="diverse"),
    ]
    table = overview(make_grid("made_up", rows), "dcn_v2")
    assert [texts(row)[:3] for row in table.rows] == [
        ["none", "0", "-"],
        ["moc", "7", "-"],
        ["moc", "7", "diverse"],
    ]
    rows += runs("moc", MOC, fusion="residual")
    table = overview(make_grid("made_up", rows), "dcn_v2")
    assert (table.num_labels, table.heads[3]) == (4, "fusion")
    fusions = ["-", "self_gating", "self_gating", "residual"]
    assert [texts(row)[3] for row in table.rows] == fusions


def test_empty_cells_are_counted_and_keep_their_place():
    def cell(method, num_codes, setting=BEAUTY, fusion="self_gating"):
        return Cell(setting, "dcn_v2", Configuration(method, num_codes, fusion, ""))

    expected = [
        cell("none", 0, fusion="none"),
        cell("moc", 2),
        cell("moc", 7),
        cell("moc", 7, Setting("amazon/beauty", "implicit")),
    ]
    rows = [*runs("pq", PQ), *runs("moc", MOC), *runs("none", NONE)]
    grid = make_grid("made_up", rows, expected, num_seeds=5)
    assert (grid.num_empty, grid.num_short, len(grid.wanted)) == (2, 3, 5)
    assert grid.completeness == ("2 of 5 cells are empty; seeds are missing in 3 more.")
    table = overview(grid, "dcn_v2")
    assert [texts(row)[:3] for row in table.rows] == [
        ["none", "0", "0.5400 ± 0.0994"],
        ["moc", "2", "-"],
        ["moc", "7", "0.5710 ± 0.1006"],
        ["pq", "7", "0.5523 ± 0.1056"],  # which the suite did not ask for
    ]
    assert {row[3].text for row in table.rows} == {"-"}
    missing = details(grid, "dcn_v2", BEAUTY).rows[1]
    assert set(texts(missing)[2:]) == {"-"}
    assert "--num_codes=2 --seeds=5" in missing[-1].command


def test_without_a_plan_all_lines_are_expected_in_all_columns():
    grid = make_grid("made_up", small_suite())
    assert (grid.num_empty, len(grid.wanted)) == (2, 8)
    assert grid.completeness == "2 of 8 cells are empty."
    grid = make_grid("made_up", small_suite()[:-1])
    assert grid.completeness.endswith("seeds are missing in 1 more.")


def test_there_is_an_overview_and_a_table_a_data_set_for_each_ranker():
    deepfm = runs("none", NONE, model="deepfm", split="validation")
    tables = all_tables(make_grid("made_up", [*small_suite(), *deepfm]))
    assert [table.title for table in tables] == [
        "dcn_v2: AUC, and difference to none",
        "dcn_v2 on beauty, rating",
        "dcn_v2 on toys, rating",
        "deepfm: AUC, and difference to none",
        "deepfm on beauty, rating, validation",
    ]
    targets = {entry.target for row in tables[0].rows for entry in row} - {""}
    anchors = {anchor for table in tables for anchor in table.row_anchors}
    assert targets <= anchors
    assert len(targets) == 6


def test_csv_has_every_figure_in_full():
    text = cells_csv(make_grid("made_up", small_suite()))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 8
    moc = next(row for row in rows if row["method"] == "moc")
    oracle = contrast(small_suite())[3]
    assert oracle.summary.group["method"] == "moc"
    versus = oracle.contrasts["none"]
    assert float(moc["auc_mean"]) == oracle.summary.metrics["auc"].mean
    assert float(moc["auc_less_none_low"]) == versus.differences["auc"].low
    assert float(moc["auc_less_none_p"]) == versus.differences["auc"].p_value
    assert float(moc["auc_less_none_p_adjusted"]) == versus.adjusted_p_value
    new = versus.differences["auc_new_items"]
    assert float(moc["auc_new_items_less_none_high"]) == new.high
    assert moc["seeds"] == "0 1 2"
    assert float(moc["num_epochs_mean"]) == 5
    costs = ("num_parameters_less", "num_epochs_less", "train_seconds_less")
    assert not [column for column in moc if column.startswith(costs)]
    assert moc["auc_less_me_mean"] == moc["auc_head_items_mean"] == ""
    empty = next(row for row in rows if not row["seeds"])
    assert (empty["method"], empty["dataset"]) == ("random", "amazon/toys")
    assert empty["auc_mean"] == ""
    assert "--methods=random" in empty["command"]


INDEXERS = [
    {"method": "pq", "options": {"seed": 0}, "num_codes": 2, "error": 0.123456},
    {"method": "a|b, c", "vectors_sha256": "ab", "num_codes": 3, "error": None},
]


def test_other_rows_are_shown_as_they_are():
    table = plain_table("indexers", INDEXERS)
    assert list(table.heads) == ["method", "num_codes", "error"]
    assert [texts(row) for row in table.rows] == [
        ["pq", "2", "0.1235"],
        ["a|b, c", "3", "-"],
    ]
    assert rows_csv(INDEXERS) == (
        'method,num_codes,error\npq,2,0.123456\n"a|b, c",3,\n'
    )


def test_rows_of_suites_and_of_their_parts_are_found(tmp_path):
    whole, part = runs("none", NONE), runs("moc", MOC)
    write(tmp_path / "table1" / "parts" / "dcn_v2", part)
    assert rows_under(tmp_path) == part
    write(tmp_path / "table1", whole)
    assert rows_under(tmp_path) == [*whole, *part]
    with pytest.raises(RowsError, match="must hold folders"):
        rows_under(tmp_path / "elsewhere")


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(RowsError, match=r"must hold folders.*name that folder"):
        folders_of(tmp_path)
    path = tmp_path / "results.jsonl"
    for wrong in ("{", "[1]"):
        path.write_text(f'{{"a": 1}}\n{wrong}\n')
        with pytest.raises(RowsError, match=r"JSON object.*Received: line 2, '[{[]"):
            read_rows(path)
    write(tmp_path, [*runs("none", NONE), *INDEXERS])
    with pytest.raises(RowsError, match=r"all of rankers, or none.*Received: 3 of 5"):
        read_rows(path)
    write(tmp_path, INDEXERS)
    assert read_rows(path) == [json.loads(json.dumps(row)) for row in INDEXERS]
