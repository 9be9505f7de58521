"""Compares cells that were run again with the committed ones.

    python -m experiments.compare_reruns --again=runs/mine/results.jsonl

`--again` is a results.jsonl of `train_ranker` or `reproduce`, of all seeds or some.
Each of its cells is found among the rows of `--results` by data set, protocol, ranker,
method, number of codes, variant and fusion. A line says both means with half of their
95 % intervals over seeds, and whether the second mean lies inside the first interval.
"""

from absl import app, flags

_AGAIN = flags.DEFINE_string("again", None, "A results.jsonl.", required=True)
_RESULTS = flags.DEFINE_string(
    "results", "experiments/results", "Holds <suite>/results.jsonl of the first runs."
)
_METRIC = flags.DEFINE_string(
    "metric", "auc", "A number of the rows, such as auc_new_items or logloss."
)


def main(_: list[str]) -> None:
    """Prints the comparison."""
    import pathlib

    from experiments.reporting.reruns import RerunError, rerun_table
    from experiments.reporting.rows import (
        RowsError,
        is_of_ranker,
        read_rows,
        rows_under,
    )

    path = pathlib.Path(_AGAIN.value)
    if not path.is_file():
        raise app.UsageError(f"There is no file {path}. Name a results.jsonl.")
    try:
        first = list(filter(is_of_ranker, rows_under(pathlib.Path(_RESULTS.value))))
        print(rerun_table(read_rows(path), first, _METRIC.value))
    except (RerunError, RowsError) as error:
        raise app.UsageError(str(error)) from error


if __name__ == "__main__":
    app.run(main)
