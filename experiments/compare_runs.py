r"""Compares two trained rankers on the same test rows, with intervals over users.

    python -m experiments.compare_runs \
        --one=runs/beauty/runs/dcn_v2/moc-7/self_gating/seed-0-1a2b3c4d \
        --other=runs/beauty/runs/dcn_v2/none-0/none/seed-0-5e6f7a8b

Both are folders of finished runs of `train_ranker` or `quickstart`. Users are drawn
with replacement, each with all its rows; both rankers are measured on the same draws.

The interval is of these two models, on other users. Of what another seed would change
it says nothing: that is in the table that `train_ranker` prints.

On 20,000 rows, 1,000 samples take half a minute.
"""

from absl import app, flags

_ONE = flags.DEFINE_string("one", None, "Folder of a finished run.", required=True)
_OTHER = flags.DEFINE_string("other", None, "Folder of another.", required=True)
_SAMPLES = flags.DEFINE_integer(
    "samples", 1000, "Samples of users; more make the ends exacter.", lower_bound=100
)
_SEED = flags.DEFINE_integer("seed", 0, "Of the samples.")


def main(_: list[str]) -> None:
    """Prints AUCs and their difference, of all rows and of those of new items."""
    from experiments.usage_errors import usage_errors
    from moc_tf.evaluation import auc, bootstrap_auc_difference
    from moc_tf.training import Predictions

    with usage_errors():
        one, other = Predictions.load(_ONE.value), Predictions.load(_OTHER.value)
    if (one.data_sha256, one.split) != (other.data_sha256, other.split):
        raise app.UsageError(
            "Both runs must be measured on the same rows. Received: the "
            f"{one.split} part of data {one.data_sha256[:8]}, and the {other.split} "
            f"part of data {other.data_sha256[:8]}."
        )
    print(f"One:   {_ONE.value}\nOther: {_OTHER.value}")
    print(f"Part:  {one.split}\n")
    print(
        f"{'items':<6}{'rows':>9}{'users':>9}{'one':>9}{'other':>9}{'difference':>12}"
        "  95 % interval over users"
    )
    for name, rows in (("all", slice(None)), ("new", one.new_item)):
        labels = one.labels[rows]
        try:
            found = bootstrap_auc_difference(
                labels,
                one.logits[rows],
                other.logits[rows],
                one.user_rows[rows],
                _SAMPLES.value,
                seed=_SEED.value,
            )
        except ValueError as error:  # too few users, or rows of one label
            print(f"{name:<6}{len(labels):>9,}  no interval: {error}")
            continue
        print(
            f"{name:<6}{len(labels):>9,}{found.num_users:>9,}"
            f"{auc(labels, one.logits[rows]):>9.4f}"
            f"{auc(labels, other.logits[rows]):>9.4f}{found.difference:>+12.4f}"
            f"  {found.low:+.4f} to {found.high:+.4f}",
            flush=True,
        )


if __name__ == "__main__":
    app.run(main)
