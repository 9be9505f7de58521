r"""How much more of a metric one configuration has than another, in rows of results.

    python -m experiments.differences --suite=table1 --one=moc-7 --other=none
    python -m experiments.differences --suite=table1 --one=moc-7 --other=me-7 \
        --metric=auc_new_items --models=dcn_v2 \
        --datasets=amazon/beauty:rating,amazon/toys_and_games:rating
    python -m experiments.differences --suite=table2 --one=moc-7-diverse \
        --other=moc-7-diverse:none

A configuration is its method, its number of codes, and its variant if it has one; after
a colon comes the fusion, if it is not self_gating. Prints the difference for each data
set and ranker, and its mean over those of a protocol, with half of the 95 % interval
over seeds and the p-value of no difference, neither corrected for how often one asks.
A configuration that is not there is answered by those that are.
"""

from absl import app, flags

_RESULTS = flags.DEFINE_string(
    "results", "experiments/results", "Holds <suite>/results.jsonl."
)
_SUITE = flags.DEFINE_string("suite", "table1", "Whose rows are compared.")
_ONE = flags.DEFINE_string("one", None, "A configuration.", required=True)
_OTHER = flags.DEFINE_string("other", None, "What it is compared with.", required=True)
_METRIC = flags.DEFINE_string(
    "metric", "auc", "A number of the rows, such as auc_new_items or logloss."
)
_DATASETS = flags.DEFINE_list(
    "datasets", None, "Such as amazon/beauty:rating; default: those of the rows."
)
_MODELS = flags.DEFINE_list("models", None, "Rankers; default: those of the rows.")


def main(_: list[str]) -> None:
    """Prints the differences."""
    import pathlib

    from experiments.reporting.pairs import PairError, difference_table
    from experiments.reporting.rows import RowsError, read_rows

    path = pathlib.Path(_RESULTS.value) / _SUITE.value / "results.jsonl"
    if not path.exists():
        raise app.UsageError(
            f"{path.parent} must hold a results.jsonl. Received: none. Name the folder "
            "above it by --results, and it by --suite."
        )
    try:
        print(
            difference_table(
                read_rows(path),
                _ONE.value,
                _OTHER.value,
                _METRIC.value,
                _DATASETS.value or (),
                _MODELS.value or (),
            )
        )
    except (PairError, RowsError) as error:
        raise app.UsageError(str(error)) from error


if __name__ == "__main__":
    app.run(main)
