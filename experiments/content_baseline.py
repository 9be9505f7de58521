r"""What item vectors alone tell of clicks: AUC without codes, rankers or training.

    python -m experiments.content_baseline --data_dir=/path/to/amazon2014 \
        --out=runs/content

An item's score is the cosine of its vector to the mean of what its user clicked in the
training part; see `moc_tf.evaluation.content_scores`. Nothing is learned, so there are
no seeds; that it is the cosine of a mean, not a sum's or the largest similarity, was
chosen on validation parts. It is of the test part, as the tables of rankers are, and
tells how much of what the vectors know of clicks a ranker could at least have; a ranker
knows ids besides. The rows are in `<out>/results.jsonl`. It takes half a minute.
"""

from absl import app, flags

_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of the Amazon 2014 files.")
_DATASETS = flags.DEFINE_list(
    "datasets", None, "Such as amazon/beauty:rating; default: those of table1."
)
_OUT = flags.DEFINE_string("out", None, "Where to write.", required=True)


def main(_: list[str]) -> None:
    """Prints a table, and writes its rows."""
    import json
    import pathlib

    from experiments.datasets import Loader
    from experiments.suite_choice import data_named
    from experiments.suites import DATA
    from experiments.usage_errors import usage_errors
    from moc_tf.evaluation import content_scores, format_table
    from moc_tf.training import evaluate_part
    from moc_tf.training.run_directory import write_text

    load = Loader(_DATA_DIR.value)
    with usage_errors():
        pairs = data_named(_DATASETS.value) or list(DATA)
    rows = []
    for name, protocol in pairs:
        with usage_errors():
            data, vectors = load(name, protocol)
        clicks = data.train.labels > 0
        scores = content_scores(
            vectors.aligned_to(data.item_ids),
            data.train.user_rows[clicks],
            data.train.item_rows[clicks],
            data.test.user_rows,
            data.test.item_rows,
        )
        found = evaluate_part(data, data.test, scores).to_row()
        # A cosine is no log-odds: all but its order means nothing.
        aucs = {key: value for key, value in found.items() if "auc" in key}
        rows.append({"dataset": name, "protocol": protocol, "split": "test"})
        rows[-1] |= {**aucs, "data_sha256": data.sha256}
        print(f"{name}, {protocol}: AUC {aucs['auc']:.4f}", flush=True)
    columns = [key for key in rows[0] if key != "data_sha256"]
    print(f"\n{format_table(rows, columns)}")
    out = pathlib.Path(_OUT.value)
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "results.jsonl", "".join(json.dumps(r) + "\n" for r in rows))
    print(f"\nRows: {out / 'results.jsonl'}")


if __name__ == "__main__":
    app.run(main)
