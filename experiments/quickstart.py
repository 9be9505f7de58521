r"""Both stages on the planted benchmark: the scaling claim in about a minute.

    python -m experiments.quickstart --workdir=runs/quickstart

Needs no data, no network and no GPU. On 2 cores: about 75 seconds.
"""

from absl import app, flags

_NUM_WORKERS = flags.DEFINE_integer(
    "num_workers", 2, "Processes that share the methods.", lower_bound=1
)
_WORKDIR = flags.DEFINE_string("workdir", "runs/quickstart", "Where to write.")
_SEEDS = flags.DEFINE_integer("seeds", 3, "Number of seeds.", lower_bound=1)
_NUM_CODES = flags.DEFINE_list("num_codes", ["2", "3", "7"], "Codes of `moc`.")
flags.register_validator(
    "num_codes",
    lambda counts: all(count.isdigit() for count in counts),
    message="must be whole numbers, such as 2,3,7",
)
_CONTROL = flags.DEFINE_bool(
    "control", False, "Also run `moc` with its codes dealt out to other items."
)


def main(_: list[str]) -> None:
    """Compares none, vq, moc and the true factors."""
    from experiments import comparing, settings
    from experiments.datasets import load_dataset
    from experiments.usage_errors import usage_errors
    from moc_tf.training import Comparison, Method, methods_named

    setting = settings.PLANTED
    dataset = load_dataset("planted")
    data = dataset.ranking
    counts = [int(count) for count in _NUM_CODES.value]
    factors = dataset.tables["true_factors"].num_codebooks
    with usage_errors():
        comparing.check_folder(_WORKDIR.value)
        methods = methods_named(["none", "vq", "moc"], counts)
        if _CONTROL.value:
            methods.append(Method("moc", counts[-1], "shuffled"))
        methods.append(Method("true_factors", factors))
        comparison = Comparison(
            "quickstart",
            data,
            dataset.vectors,
            methods,
            range(_SEEDS.value),
            setting.ranker,
            setting.indexer,
            _WORKDIR.value,
            dataset.tables,
        )
    print(
        f"Planted benchmark: {len(data.item_ids):,} items, {len(data.train):,} rows to "
        f"train on, {data.test.new_item.mean():.0%} of the test rows on new items.\n"
        f"{len(methods)} methods x {_SEEDS.value} seeds; the first run takes longest.",
        flush=True,
    )
    comparing.run_and_report(
        comparison,
        _WORKDIR.value,
        f"{setting.ranker.model} on the planted benchmark, {_SEEDS.value} seeds",
        _NUM_WORKERS.value,
    )


if __name__ == "__main__":
    app.run(main)
