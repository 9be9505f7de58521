"""Writes a report: tables, pictures and the page."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.claims import CLAIMS
from experiments.reporting import claim_section, code_gains
from experiments.reporting.breakdown import breakdown_tables
from experiments.reporting.cells_csv import cells_csv, code_cells_csv, rows_csv
from experiments.reporting.claim_tests import judge_claims
from experiments.reporting.code_grid import code_suite_of, make_code_grid
from experiments.reporting.code_layouts import LAYOUTS
from experiments.reporting.code_section import code_tables, draw_code_pictures
from experiments.reporting.expected import NUM_SEEDS, SUITES, expected_cells
from experiments.reporting.gain_picture import plot_gains
from experiments.reporting.grid import Cell, Grid, make_grid
from experiments.reporting.latex import latex
from experiments.reporting.legend import CODE_METRICS, GAIN_METRICS, METRICS, TITLES
from experiments.reporting.markdown import glossary, markdown
from experiments.reporting.page import Section, page
from experiments.reporting.pictures import SUFFIXES, Picture, draw_pictures
from experiments.reporting.rows import (
    RANKER_KEYS,
    SEARCH_PREFIX,
    Row,
    RowsError,
    folders_of,
    is_of_ranker,
    read_rows,
)
from experiments.reporting.seed_spread import spread_tables
from experiments.reporting.tables import Table, all_tables, plain_table

PAGE = "report.html"


def write_report(
    results: Path,
    out: Path,
    expected: Callable[[str], Sequence[Cell]] = expected_cells,
) -> Iterator[str]:
    """Writes the report of all folders of `results`, telling of each when it is done.

    In `out/<folder>`: report.md, report.tex, cells.csv and pictures/; the same in
    `out/claims`, if there is a suite that decides one, and in `out/gains`, if codes
    that a ranker was trained on have figures; in `out`, last of all, report.html, which
    shows everything. Equal rows give equal bytes.

    Args:
      results: holds <folder>/results.jsonl.
      out: where to write; may be `results`.
      expected: the cells of a suite, by the name of a folder that is one of `SUITES`.

    Yields:
      A sentence a folder, then one on all of them.

    Raises:
      RowsError: if there are no results, they cannot be read, or rows of a folder do
        not fit together; see `moc_tf.evaluation.contrast`.
    """
    folders = folders_of(results)
    known = [folder for name in SUITES for folder in folders if folder.name == name]
    sections, grids = [], []
    of_suites: dict[str, list[Row]] = {}
    of_codes: list[Row] = []
    for folder in [*known, *(folder for folder in folders if folder not in known)]:
        name = folder.name
        if name.startswith(SEARCH_PREFIX):
            yield f"{name}: left out, as it compares settings on the validation part."
            continue
        rows = read_rows(folder / "results.jsonl")
        target = out / name
        if suite := code_suite_of(name, rows):
            of_codes += rows
            try:
                codes = make_code_grid(suite, rows, name, NUM_SEEDS)
            except ValueError as error:
                raise RowsError(f"{folder / 'results.jsonl'}: {error}") from error
            sections.append(
                Section(
                    name,
                    LAYOUTS[suite].title,
                    codes.completeness,
                    _texts(draw_code_pictures(codes, target / "pictures")),
                    code_tables(codes),
                )
            )
            _write_tables(target, sections[-1], code_cells_csv(codes), CODE_METRICS)
            yield f"{name}: {codes.completeness}"
            continue
        if rows and not is_of_ranker(rows[0]):
            table = plain_table(name, rows)
            sections.append(Section(name, TITLES.get(name, name), "", [], [table]))
            _write_tables(target, sections[-1], rows_csv(rows))
            yield f"{name}: {len(rows)} rows."
            continue
        try:
            grid = (
                make_grid(name, rows, expected(name), NUM_SEEDS)
                if name in SUITES
                else make_grid(name, rows)
            )
        except ValueError as error:
            raise RowsError(f"{folder / 'results.jsonl'}: {error}") from error
        grids.append(grid)
        of_suites[name] = rows
        section = Section(
            name,
            TITLES.get(name, name),
            grid.completeness,
            _texts(draw_pictures(grid, target / "pictures")),
            all_tables(grid),
        )
        sections.append(section)
        _write_tables(target, section, cells_csv(grid))
        yield f"{name}: {grid.completeness}"
    of_rankers = _of_claims(of_suites)
    if gains := code_gains.code_gains(of_codes, of_rankers):
        sections.insert(0, _write_gains(out / code_gains.NAME, gains))
        yield f"{code_gains.NAME}: {len(gains)} ways to make codes."
    if any(claim.suite in of_suites for claim in CLAIMS):
        claims = _write_claims(out / claim_section.NAME, of_suites, expected)
        sections.insert(0, claims)
        yield f"{claim_section.NAME}: {claims.status.partition('.')[0]}."
    summary = _summary(grids)
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / PAGE, page(sections, summary))
    yield summary


def write_whole(path: Path, text: str) -> None:
    """Writes `text` to a temporary name and renames it to `path`."""
    # That of moc_tf.training does the same, and loads TensorFlow.
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    os.replace(partial, path)


def _of_claims(rows: Mapping[str, Sequence[Row]]) -> list[Row]:
    """The runs of all suites that decide claims, once each.

    Raises:
      RowsError: if a run has another result in another suite.
    """
    runs: dict[tuple[Any, ...], Row] = {}
    for suite in {claim.suite: None for claim in CLAIMS}:
        for row in rows.get(suite, ()):
            key = (*(row[key] for key in RANKER_KEYS), row["seed"])
            if runs.setdefault(key, row)["auc"] != row["auc"]:
                raise RowsError(
                    f"A run must have one result in all suites. Received: {key} with "
                    f"AUC {runs[key]['auc']} and, in {suite}, {row['auc']}. Take over "
                    "the rows of one suite into the other, by --earlier."
                )
    return list(runs.values())


def _write_gains(folder: Path, gains: Sequence[code_gains.CodeGain]) -> Section:
    """What codes are like beside what they gain."""
    pictures, tables = [], []
    for setting, found in code_gains.by_setting(gains).items():
        picture = Picture(
            f"What codes are like, and what they gain: {setting.label}",
            folder / f"pictures/gains_{setting.slug}",
        )
        for suffix in SUFFIXES:
            plot_gains(found, picture.path.with_name(picture.path.name + suffix))
        pictures.append(picture)
        tables.append(code_gains.gain_table(setting, found))
    section = Section(
        code_gains.NAME, code_gains.TITLE, code_gains.STATUS, _texts(pictures), tables
    )
    _write_tables(folder, section, rows_csv(code_gains.gain_rows(gains)), GAIN_METRICS)
    return section


def _write_claims(
    folder: Path,
    rows: Mapping[str, Sequence[Row]],
    expected: Callable[[str], Sequence[Cell]],
) -> Section:
    """What the suites' rows say of the claims."""
    findings = judge_claims(CLAIMS, rows, expected)
    pictures = []
    if claim_section.can_plot(findings):
        picture = Picture("Differences that decide claims", folder / "pictures/claims")
        for suffix in SUFFIXES:
            claim_section.plot_claims(findings, picture.path.with_suffix(suffix))
        pictures.append(picture)
    section = Section(
        claim_section.NAME,
        claim_section.TITLE,
        claim_section.claims_status(findings),
        _texts(pictures),
        [
            *claim_section.claim_tables(findings),
            *breakdown_tables(CLAIMS, rows, claim_section.NAME),
            *spread_tables(_of_claims(rows), claim_section.NAME),
        ],
    )
    _write_tables(folder, section, rows_csv(claim_section.claim_rows(findings)))
    return section


def _texts(pictures: Sequence[Picture]) -> list[tuple[str, str]]:
    """Title and text of the SVG files."""
    paths = [(p.title, p.path.with_name(f"{p.path.name}.svg")) for p in pictures]
    return [(title, path.read_text(encoding="utf-8")) for title, path in paths]


def _write_tables(
    folder: Path,
    section: Section,
    cells: str,
    metrics: Mapping[str, str] = METRICS,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tables: Sequence[Table] = section.tables
    shown = markdown(section.title, section.status, tables)
    write_whole(folder / "report.md", f"{shown}\n## Legend\n\n{glossary(metrics)}\n")
    write_whole(folder / "report.tex", latex(section.title, section.status, tables))
    write_whole(folder / "cells.csv", cells)


def _summary(grids: Sequence[Grid]) -> str:
    empty = sum(grid.num_empty for grid in grids)
    total = sum(len(grid.wanted) for grid in grids)
    suites = "suite" if len(grids) == 1 else "suites"
    return f"{empty} of {total} cells are empty, in {len(grids)} {suites} of rankers."
