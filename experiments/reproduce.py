r"""Runs a suite of comparisons: a table of the evidence.

    python -m experiments.reproduce --suite=table1 --data_dir=/path/to/amazon2014 \
        --workdir=runs/evidence --seeds=5 --num_workers=2

`--earlier=experiments/results` takes over the runs that are in a folder of results, of
this machine or another, as far as settings, data and packages are the same, so that a
suite can be made in pieces. `--dry_run` says how much is left to do, and how long it
takes by the runs that are done. A suite that is broken off goes on when the command is
run again; a run that failed is recorded, does not stop the others, and is tried again
then. A worker process that is killed, most often for lack of memory, breaks it off.
Suites that share a `--workdir` share runs. Rows are in
`<workdir>/suites/<suite>/results.jsonl`, which grows as runs end; those of a part of
it, which `--datasets` and `--models` choose, are in `parts/<what was chosen>/` there,
beside the full table.

Suites: headline (DCNv2 on Beauty), rankers (all seven there), table1 (four rankers,
every method, scale and data set), table2 (fusions), figure4 (spectra of the code
embeddings, in DCNv2 on Beauty), reviewers (controls, other quantisers, other forms of
moc, more codes). Those of codes, without rankers, on Beauty where --datasets names no
other: figure1 (error against the number of codes), figure2 (discriminability: clusters
of the vectors, clicks), figure3 (NMI between codebooks). They measure the codes that
the rankers of the same `--workdir` read, each once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from absl import app, flags

_SUITE = flags.DEFINE_enum(
    "suite",
    "headline",
    [
        *("headline", "rankers", "table1", "table2", "figure4", "reviewers"),
        *("figure1", "figure2", "figure3"),
    ],
    "What to run.",
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of the Amazon 2014 files.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Where to write.", required=True)
_SEEDS = flags.DEFINE_integer("seeds", 5, "Of each configuration.", lower_bound=1)
_NUM_WORKERS = flags.DEFINE_integer("num_workers", 2, "Processes.", lower_bound=1)
_DATASETS = flags.DEFINE_list(
    "datasets",
    None,
    "Data sets of the suite to run, such as amazon/beauty:rating; default: all of it. "
    "planted:rating runs the suite on the planted benchmark.",
)
_MODELS = flags.DEFINE_list("models", None, "Rankers of the suite; default: all.")
_EARLIER = flags.DEFINE_string(
    "earlier",
    None,
    "Holds <suite>/results.jsonl or <suite>/parts/<part>/results.jsonl, whose runs are "
    "not done again; default: all are.",
)
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Only say what is left to do.")


def _reproduce_codes(load: Any, earlier: Sequence[Mapping[str, Any]]) -> None:
    """Runs a suite of codes."""
    import sys

    from experiments.comparing import write_code_table
    from experiments.suite_choice import choose_codes
    from experiments.suite_progress import code_suite_left, run_code_suite
    from experiments.usage_errors import usage_errors
    from moc_tf.training import CodeSuite

    if _MODELS.value:
        raise app.UsageError(
            f"Suite {_SUITE.value!r} has no rankers, so that there are no --models. "
            f"Received: {_MODELS.value}."
        )
    with usage_errors():
        blocks, part = choose_codes(_SUITE.value, range(_SEEDS.value), _DATASETS.value)
        suite = CodeSuite(_SUITE.value, blocks, load, _WORKDIR.value, part, earlier)
        suite.finished()  # reads all the data
    if _DRY_RUN.value:
        print(code_suite_left(suite, _NUM_WORKERS.value))
        return
    failed = run_code_suite(suite, _NUM_WORKERS.value)
    if failed < len(suite.runs):
        name = f"{_SUITE.value}, {part}" if part else _SUITE.value
        title = f"Suite {name}, {_SEEDS.value} seeds"
        write_code_table(suite.folder, _SUITE.value, title)
    if failed:
        sys.exit(1)


def main(_: list[str]) -> None:
    """Runs the suite."""
    import pathlib
    import sys

    from experiments.code_suites import CODE_SUITES
    from experiments.comparing import write_table
    from experiments.datasets import Loader
    from experiments.reporting.rows import RowsError, rows_under
    from experiments.suite_choice import choose
    from experiments.suite_progress import run_suite, suite_left
    from experiments.usage_errors import usage_errors
    from moc_tf.training import Suite

    earlier: Sequence[Mapping[str, Any]] = ()
    try:
        if _EARLIER.value:
            earlier = rows_under(pathlib.Path(_EARLIER.value))
    except RowsError as error:
        raise app.UsageError(f"--earlier: {error}") from error
    load = Loader(_DATA_DIR.value)
    if _SUITE.value in CODE_SUITES:
        _reproduce_codes(load, earlier)
        return
    with usage_errors():
        blocks, part = choose(
            _SUITE.value, range(_SEEDS.value), _DATASETS.value, _MODELS.value
        )
        suite = Suite(
            _SUITE.value, blocks, load, _WORKDIR.value, part=part, earlier=earlier
        )
        suite.finished()  # reads all the data
    if _DRY_RUN.value:
        print(suite_left(suite, _NUM_WORKERS.value))
        return
    failed = run_suite(suite, _NUM_WORKERS.value)
    if failed == len(suite.runs):
        sys.exit("No run was finished, so that there is no table.")
    name = f"{_SUITE.value}, {part}" if part else _SUITE.value
    rows = suite.finished().values()
    write_table(rows, suite.folder, f"Suite {name}, {_SEEDS.value} seeds")
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    app.run(main)
