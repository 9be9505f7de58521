r"""Trains a ranker with and without codes, over seeds, and prints the comparison.

    python -m experiments.train_ranker --dataset=amazon/beauty \
        --data_dir=/path/to/amazon2014 --protocol=rating --model=dcn_v2 \
        --methods=none,vq,moc --num_codes=7 --seeds=5 --workdir=runs/beauty

For every method and seed an indexer is fitted on the items of the training part, all
items are encoded, and the ranker is trained on the log. A run that is finished under
`--workdir` with the same settings is not done again; one that was broken off goes on
from its latest epoch.

`--data_dir` is a folder with reviews_<Category>_5.json.gz, meta_<Category>.json.gz and
item_embeddings_<Category>.npz. Without it, the first two are downloaded through
TensorFlow Datasets and `--vectors` names the item vectors. `--codes` adds a ranker on a
saved code table.

On 2 cores, the command above takes five and a half minutes and 3 GB.

A log of your own, of items that were shown and clicked or not:

    python -m experiments.train_ranker --interactions=log.parquet --vectors=items.npz \
        --items=items.parquet --attributes=brand,category --methods=none,vq,moc,pq \
        --seeds=5 --workdir=runs/own
"""

from collections.abc import Mapping
from typing import Any

from absl import app, flags

from experiments import dataset_flags, ranker_flags

for _module in (dataset_flags, ranker_flags):
    flags.adopt_module_key_flags(_module)  # so that --help shows them
_METHODS = flags.DEFINE_list(
    "methods",
    ["none", "vq", "moc"],
    "Among none, vq, moc, me, rq_vae, rq_kmeans, rq_gmm, pq, opq, random; adaptor (the "
    "raw vector through small MLPs, one a field) and id_me (more tables of the item "
    "ids), which have no codes. moc:diverse is moc in that --variant, beside others.",
)
_NUM_CODES = flags.DEFINE_list(
    "num_codes",
    ["7"],
    "Codes, or fields, of all but none and vq: one or several numbers.",
)
flags.register_validator(
    "num_codes",
    lambda counts: all(count.isdigit() for count in counts),
    message="must be whole numbers, such as 2,3,7",
)
_VARIANT = flags.DEFINE_enum(
    "variant",
    "",
    ["", "shuffled", "diverse", "concatenated", "per_codebook", "shared_latent"],
    "Of the methods that have it. shuffled, of all with codes and of --codes: they are "
    "dealt out to other items. The others are of moc: with a diversity term, another "
    "decoder, or one latent vector.",
)
_CODES = flags.DEFINE_string(
    "codes",
    None,
    "A saved code table to train on as well. Unlike those of the methods, its indexer "
    "may have been fitted on items that are new in the test part.",
)
_SEEDS = flags.DEFINE_integer("seeds", 5, "Number of seeds.", lower_bound=1)
_NUM_WORKERS = flags.DEFINE_integer(
    "num_workers",
    None,
    "Processes that share the methods; default: 2, and 1 with --distribution, which is "
    "about the processes or devices that share a training.",
    lower_bound=1,
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Where to write.", required=True)
_CODEBOOK_SIZE = flags.DEFINE_integer(
    "codebook_size", None, "Codes in a codebook; default: the data set's setting."
)
_DIVERSITY_WEIGHT = flags.DEFINE_float(
    "diversity_weight", None, "Of `moc`: weight of the heads' decorrelation."
)


def main(_: list[str]) -> None:
    """Compares the methods."""
    import os
    import sys

    from experiments import comparing
    from experiments.usage_errors import usage_errors
    from moc_tf.training import make_strategy, run_local_workers, writes

    given = ranker_flags.given()
    distribution, num_replicas = given["distribution"], given["num_replicas"]
    if distribution == "multi_worker" and "TF_CONFIG" not in os.environ:
        command = [sys.executable, "-m", "experiments.train_ranker", *sys.argv[1:]]
        run_local_workers(command, num_replicas)
        return
    # Now, as TensorFlow takes no more devices once it has started.
    strategy = make_strategy(distribution, num_replicas)
    with usage_errors():
        comparing.check_folder(_WORKDIR.value)
        dataset, loader = dataset_flags.given()
        comparison = _comparison(dataset, loader, given)
    if not writes(strategy):  # the first worker reports
        for _ in comparison.run():
            pass
        return
    comparing.run_and_report(
        comparison,
        _WORKDIR.value,
        f"{given['model']} on {dataset}, protocol {dataset_flags.protocol()}, "
        f"{_SEEDS.value} seeds",
        _NUM_WORKERS.value or (2 if distribution == "none" else 1),
    )


def _comparison(name: str, loader: Any, ranker_given: Mapping[str, Any]) -> Any:
    """What the flags ask for.

    Args:
      name: of the data set.
      loader: of it, an `experiments.datasets.Loader`.
      ranker_given: settings of the ranker, instead of those of the data set.
    """
    import dataclasses

    from experiments import settings
    from moc_tf.code_table import CodeTable
    from moc_tf.training import Comparison, Method, methods_named, with_variant

    protocol = dataset_flags.protocol()
    setting = settings.setting(name, protocol, ranker_given["model"])
    flags_of_indexers = (_CODEBOOK_SIZE, _DIVERSITY_WEIGHT)
    indexer_given = {
        flag.name: flag.value for flag in flags_of_indexers if flag.value is not None
    }
    methods = methods_named(_METHODS.value, [int(count) for count in _NUM_CODES.value])
    tables = {}
    if _CODES.value:
        tables["given_codes"] = table = CodeTable.load(_CODES.value)
        fields = table.num_codebooks * table.tables_per_code
        methods.append(Method("given_codes", fields))
    methods = with_variant(methods, _VARIANT.value)
    for method in methods:
        if both := sorted(method.indexer_options.keys() & indexer_given.keys()):
            raise ValueError(
                f"The variant {method.variant!r} has its own {both[0]}, "
                f"{method.indexer_options[both[0]]}, so that there must be no "
                f"--{both[0]}. Received: {indexer_given[both[0]]}."
            )
    dataset = loader.dataset(name, protocol)
    return Comparison(
        "train_ranker",
        dataset.ranking,
        dataset.vectors,
        methods,
        range(_SEEDS.value),
        dataclasses.replace(setting.ranker, **ranker_given),
        {**setting.indexer, **indexer_given},
        _WORKDIR.value,
        {**dataset.tables, **tables},
        told_options=dict(indexer_given.items() - setting.indexer.items()),
    )


if __name__ == "__main__":
    app.run(main)
