r"""Chooses the settings of rankers on a data set by validation AUC.

    python -m experiments.search_settings --dataset=amazon/beauty --protocol=rating \
        --data_dir=/path/to/amazon2014 --workdir=runs/search

One setting is varied after the other, with those before it as chosen. Every ranker has
the same candidates; a candidate is judged by the mean over several methods, so that
none of them is favoured. The test part is not read. What was chosen, and what every
candidate reached, is written to experiments/configs/, where `train_ranker` and
`reproduce` find it; what stands there of other rankers stays. A search that is broken
off goes on when it is started again.
"""

from absl import app, flags

_DATASET = flags.DEFINE_string("dataset", "amazon/beauty", "Name of the data set.")
_PROTOCOL = flags.DEFINE_enum("protocol", "rating", ["rating", "implicit"], "Of it.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of the Amazon 2014 files.")
_MODELS = flags.DEFINE_list(
    "models",
    ["autoint_plus", "dcn_v2", "deepfm", "dlrm", "fmfm", "ipnn", "xdeepfm"],
    "Rankers.",
)
_METHODS = flags.DEFINE_list("methods", ["none", "me", "rq_vae", "moc"], "Averaged.")
_NUM_CODES = flags.DEFINE_integer("num_codes", 7, "Of the methods.", lower_bound=2)
_SEEDS = flags.DEFINE_integer("seeds", 1, "Of each candidate.", lower_bound=1)
_NUM_WORKERS = flags.DEFINE_integer("num_workers", 2, "Processes.", lower_bound=1)
_WORKDIR = flags.DEFINE_string("workdir", None, "Where to write.", required=True)


def main(_: list[str]) -> None:
    """Searches, and writes what was found."""
    import dataclasses
    import statistics
    from typing import Any

    from experiments import settings
    from experiments.datasets import Loader
    from experiments.suite_progress import run_suite
    from moc_tf.ranking import interactions
    from moc_tf.training import Block, Suite, methods_named

    dataset, protocol = _DATASET.value, _PROTOCOL.value
    start = settings.PLANTED if dataset == "planted" else settings.AMAZON
    methods = methods_named(_METHODS.value, [_NUM_CODES.value])
    chosen: dict[str, dict[str, Any]] = {model: {} for model in _MODELS.value}
    trials: dict[str, list[dict[str, Any]]] = {model: [] for model in chosen}
    for name, candidates in settings.SEARCHED.items():
        # A ranker without an MLP has no widths to choose.
        models = [
            model
            for model in chosen
            if name != "hidden_units" or name in interactions.options(model)
        ]
        if not models:
            continue
        tried = [(model, value) for model in models for value in candidates]
        blocks = [
            Block(
                dataset,
                protocol,
                dataclasses.replace(
                    start.ranker, model=model, **{**chosen[model], name: value}
                ),
                tuple(start.indexer.items()),
                tuple(methods),
                tuple(range(_SEEDS.value)),
            )
            for model, value in tried
        ]
        title = f"search_{settings.config_path(dataset, protocol).stem}_{name}"
        suite = Suite(
            title, blocks, Loader(_DATA_DIR.value), _WORKDIR.value, "validation"
        )
        if run_suite(suite, _NUM_WORKERS.value):
            raise SystemExit(1)
        rows = suite.finished()
        print(f"\n{name:<14}" + "".join(f"{value!s:>16}" for value in candidates))
        for model in models:
            aucs = {}
            for index, (of, value) in enumerate(tried):
                if of == model:
                    found = [r["auc"] for run, r in rows.items() if run.block == index]
                    aucs[value] = statistics.mean(found)
                    trials[model].append(
                        {
                            "settings": {**chosen[model], name: value},
                            "validation_auc": round(aucs[value], 5),
                            "runs": len(found),
                        }
                    )
            chosen[model][name] = max(aucs, key=lambda value: aucs[value])
            print(f"{model:<14}" + "".join(f"{auc:>16.4f}" for auc in aucs.values()))
        print(flush=True)
    entries = {
        model: {
            "chosen": chosen[model],
            "methods": [method.id for method in methods],
            "seeds": _SEEDS.value,
            "trials": trials[model],
        }
        for model in chosen
    }
    print(f"Chosen settings: {settings.keep(dataset, protocol, entries)}")


if __name__ == "__main__":
    app.run(main)
