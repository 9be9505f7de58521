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
"""

from absl import app, flags

_DATASET = flags.DEFINE_string(
    "dataset",
    "planted",
    "planted, amazon/beauty, amazon/sports_and_outdoors or amazon/toys_and_games.",
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of the Amazon 2014 files.")
_VECTORS = flags.DEFINE_string("vectors", None, "File of item vectors.")
_PROTOCOL = flags.DEFINE_enum(
    "protocol",
    "rating",
    ["rating", "implicit"],
    "rating: above 3 is a click; implicit: an interaction is, a random item is not.",
)
_MODEL = flags.DEFINE_enum("model", "dcn_v2", ["dcn_v2", "deepfm"], "The ranker.")
_METHODS = flags.DEFINE_list(
    "methods",
    ["none", "vq", "moc"],
    "Among none, vq, moc, me, rq_vae, rq_kmeans, rq_gmm, pq, opq, random; adaptor (the "
    "raw vector through small MLPs, one a field) and id_me (more tables of the item "
    "ids), which have no codes.",
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
_FUSION = flags.DEFINE_enum(
    "fusion", "self_gating", ["self_gating", "none"], "Fusion of the code embeddings."
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
_LEARNING_RATE = flags.DEFINE_float(
    "learning_rate", None, "Of the ranker; default: the data set's setting."
)
_HIDDEN_SHARE = flags.DEFINE_float(
    "hidden_share",
    None,
    "Share of the ids hidden in training, which teaches the ranker to do without; "
    "default: the data set's setting.",
)
_MAX_EPOCHS = flags.DEFINE_integer(
    "max_epochs", None, "Of the ranker, at most; default: the data set's setting."
)
_OPTIMIZER = flags.DEFINE_enum(
    "optimizer",
    None,
    ["lazy_adam", "adagrad", "adam"],
    "Of the ranker; lazy_adam and adagrad touch the rows of a batch alone.",
)
_CLIPNORM = flags.DEFINE_float(
    "clipnorm", None, "Norm that the gradients together are scaled down to."
)
_EMBEDDING_L2 = flags.DEFINE_float(
    "embedding_l2", None, "Weight of an L2 penalty on the embeddings of a batch."
)
_PRECISION = flags.DEFINE_enum(
    "precision", None, ["float32", "mixed_bfloat16"], "What the ranker computes in."
)
_STEPS_PER_EXECUTION = flags.DEFINE_integer(
    "steps_per_execution", None, "Steps that Keras runs in one go.", lower_bound=1
)
_DISTRIBUTION = flags.DEFINE_enum(
    "distribution",
    "none",
    ["none", "mirrored", "multi_worker", "parameter_server", "tpu"],
    "What shares the training of a ranker. multi_worker: the processes that TF_CONFIG "
    "names, which see the same --workdir; without it, --num_replicas are started here.",
)
_NUM_REPLICAS = flags.DEFINE_integer(
    "num_replicas",
    2,
    "Devices of mirrored, processes of multi_worker where this starts them, workers of "
    "parameter_server.",
    lower_bound=1,
)


def main(_: list[str]) -> None:
    """Compares the methods."""
    import dataclasses
    import os
    import sys

    from experiments import comparing, settings
    from experiments.datasets import load_dataset
    from moc_tf.code_table import CodeTable
    from moc_tf.training import (
        Comparison,
        Method,
        make_strategy,
        methods_named,
        run_local_workers,
        writes,
    )

    if _DISTRIBUTION.value == "multi_worker" and "TF_CONFIG" not in os.environ:
        command = [sys.executable, "-m", "experiments.train_ranker", *sys.argv[1:]]
        run_local_workers(command, _NUM_REPLICAS.value)
        return
    # Now, as TensorFlow takes no more devices once it has started.
    strategy = make_strategy(_DISTRIBUTION.value, _NUM_REPLICAS.value)
    setting = settings.PLANTED if _DATASET.value == "planted" else settings.AMAZON
    given = {
        "learning_rate": _LEARNING_RATE.value,
        "hidden_share": _HIDDEN_SHARE.value,
        "max_epochs": _MAX_EPOCHS.value,
        "model": _MODEL.value,
        "fusion": _FUSION.value,
        "optimizer": _OPTIMIZER.value,
        "clipnorm": _CLIPNORM.value,
        "embedding_l2": _EMBEDDING_L2.value,
        "precision": _PRECISION.value,
        "steps_per_execution": _STEPS_PER_EXECUTION.value,
        "distribution": _DISTRIBUTION.value,
        "num_replicas": _NUM_REPLICAS.value,
    }
    ranker = dataclasses.replace(
        setting.ranker, **{k: v for k, v in given.items() if v is not None}
    )
    indexer = dict(setting.indexer)
    if _CODEBOOK_SIZE.value is not None:
        indexer["codebook_size"] = _CODEBOOK_SIZE.value
    if _DIVERSITY_WEIGHT.value is not None:
        indexer["diversity_weight"] = _DIVERSITY_WEIGHT.value
    methods = methods_named(_METHODS.value, [int(count) for count in _NUM_CODES.value])

    dataset = load_dataset(
        _DATASET.value,
        _PROTOCOL.value,
        _DATA_DIR.value,
        _VECTORS.value,
    )
    tables = dict(dataset.tables)
    if _CODES.value:
        table = CodeTable.load(_CODES.value)
        tables["given_codes"] = table
        methods.append(Method("given_codes", table.num_codebooks))
    comparison = Comparison(
        "train_ranker",
        dataset.ranking,
        dataset.vectors,
        methods,
        range(_SEEDS.value),
        ranker,
        indexer,
        _WORKDIR.value,
        tables,
    )
    if not writes(strategy):  # the first worker reports
        for _ in comparison.run():
            pass
        return
    comparing.run_and_report(
        comparison,
        _WORKDIR.value,
        f"{_MODEL.value} on {_DATASET.value}, protocol {_PROTOCOL.value}, "
        f"{_SEEDS.value} seeds",
        _NUM_WORKERS.value or (2 if _DISTRIBUTION.value == "none" else 1),
    )


if __name__ == "__main__":
    app.run(main)
