"""Runs a comparison before a person's eyes: progress, table, picture."""

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from experiments.reporting.code_grid import make_code_grid
from experiments.reporting.code_section import code_tables
from experiments.reporting.legend import CODE_METRICS
from experiments.reporting.markdown import glossary, markdown
from experiments.reporting.rows import is_of_ranker, read_rows
from moc_tf.evaluation import Summary, plot_auc_by_codes, results_table, summarise
from moc_tf.training import Comparison, Progress
from moc_tf.training.run_directory import write_text

_LEGEND = """\
± is half of the 95 % interval of the mean over training seeds, on one and the same test
part; n.s. marks a paired difference whose interval includes 0. Seconds are of training
the ranker, without the indexer.
"""


def check_folder(workdir: str) -> None:
    """Raises ValueError if a comparison in `workdir` would overwrite other rows."""
    path = pathlib.Path(workdir) / "results.jsonl"
    if path.exists() and not all(map(is_of_ranker, read_rows(path))):
        raise ValueError(
            f"{path} holds rows that are not of rankers, and this would overwrite "
            "them. Choose another --workdir, or remove the file if it is of no use any "
            "more."
        )


def run_and_report(
    comparison: Comparison, workdir: str, title: str, num_workers: int
) -> None:
    """Runs what is left of `comparison` and reports all of it.

    Prints a line a run, then the table; writes `table.md` and, where Mixture-of-Codes
    ran at several numbers of codes, `auc_by_codes.png` beside `results.jsonl`.

    Args:
      comparison: what to run.
      workdir: the folder that it writes to.
      title: printed above the table.
      num_workers: processes that share the methods.
    """
    results: Sequence[Mapping[str, Any]] = []
    for progress in comparison.run(num_workers):
        print(_line(progress), flush=True)
        results = progress.results
    folder = pathlib.Path(workdir)
    summaries = write_table(results, folder, title)
    drawn = [s for s in summaries if "shuffled" not in s.group["variant"]]
    if len({s.group["num_codes"] for s in drawn if s.group["method"] == "moc"}) > 1:
        plot_auc_by_codes(drawn, folder / "auc_by_codes.png")
        print(f"Picture:       {folder / 'auc_by_codes.png'}")
    print(
        f"Run directory: {folder} (results.jsonl, table.md, runs/, codes/, indexers/)"
    )


def write_table(
    results: Iterable[Mapping[str, Any]], folder: pathlib.Path, title: str
) -> list[Summary]:
    """Prints the table of `results` and writes table.md in `folder`.

    By now results.jsonl there may be of another process.
    """
    summaries = summarise(results)
    print(f"\n{title}\n\n{results_table(summaries)}\n")
    print(_LEGEND)
    table = results_table(summaries, style="markdown")
    write_text(folder / "table.md", f"{title}\n\n{table}\n\n{_LEGEND}")
    return summaries


def write_code_table(folder: pathlib.Path, suite: str, title: str) -> None:
    """Prints the tables of a suite of codes and writes table.md beside its rows.

    Args:
      folder: holds results.jsonl.
      suite: its name, one of `experiments.code_suites.CODE_SUITES`.
      title: above the tables.
    """
    rows = read_rows(folder / "results.jsonl")
    grid = make_code_grid(suite, rows)
    text = markdown(title, grid.completeness, code_tables(grid))
    print(f"\n{text}\nRows and table: {folder}")
    terms = glossary(CODE_METRICS)
    write_text(folder / "table.md", f"{text}\n## Legend\n\n{terms}\n")


def _line(progress: Progress) -> str:
    result = progress.result
    columns = [
        f"[{progress.done:>{len(str(progress.total))}}/{progress.total}]",
        f"{progress.seconds:6.1f} s ",
        f"{result['method']:<12} {result['variant'] or '':<8}",
        f"codes {result['num_codes']:<2}",
        f"seed {result['seed']}  AUC {_number(result['auc'])}",
        f" new items {_number(result['auc_new_items'])}",
        " (done before)" if progress.resumed else "",
    ]
    return " ".join(columns).rstrip()


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
