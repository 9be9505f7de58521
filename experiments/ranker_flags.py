"""Flags of a ranker's settings; each is a field of `moc_tf.training.RankerConfig`.

TensorFlow takes seconds to import, and `--help` needs none of it, so the choices stand
here as they stand in the registries; a test compares them.
"""

from typing import Any

from absl import flags

MODELS = ["autoint_plus", "dcn_v2", "deepfm", "dlrm", "fmfm", "ipnn", "xdeepfm"]
FUSIONS = [
    "concat_mlp",
    "cross_attention",
    "none",
    "residual",
    "self_gating",
    "self_gating_linear",
]
OPTIMIZERS = ["lazy_adam", "adagrad", "adam"]
PRECISIONS = ["float32", "mixed_bfloat16"]
DISTRIBUTIONS = ["none", "mirrored", "multi_worker", "parameter_server", "tpu"]

_DEFAULT = "default: the data set's setting."
_FLAGS = [
    flags.DEFINE_enum("model", "dcn_v2", MODELS, "The ranker."),
    flags.DEFINE_enum(
        "fusion",
        "self_gating",
        FUSIONS,
        "Of the fields that a method gives; self_gating_linear is the paper's Equation "
        "8 to the letter, without an activation.",
    ),
    flags.DEFINE_enum(
        "code_embedding",
        None,
        ["tables", "ngram", "prefix"],
        "What has embeddings: each code, neighbouring codes, or all prefixes of an "
        f"item's codes; {_DEFAULT}",
    ),
    flags.DEFINE_integer(
        "ngram_size", None, f"Codes of an n-gram; {_DEFAULT}", lower_bound=1
    ),
    flags.DEFINE_integer(
        "num_buckets",
        None,
        f"Rows of a table of code sequences, at most; {_DEFAULT}",
        lower_bound=1,
    ),
    flags.DEFINE_enum(
        "code_start",
        None,
        ["random", "codebooks"],
        f"Where code tables start: codebooks is what the codes stand for; {_DEFAULT}",
    ),
    flags.DEFINE_float(
        "code_start_stddev",
        None,
        f"Standard deviation of a start from codebooks; {_DEFAULT}",
    ),
    flags.DEFINE_enum(
        "code_tables",
        None,
        ["trained", "frozen"],
        f"Whether code tables are trained; {_DEFAULT}",
    ),
    flags.DEFINE_list(
        "hidden_units",
        None,
        f"Widths of the ranker's MLP, such as 256,128,64; {_DEFAULT}",
    ),
    flags.DEFINE_integer(
        "embedding_dim", None, f"Size of an embedding; {_DEFAULT}", lower_bound=1
    ),
    flags.DEFINE_float("learning_rate", None, f"Of the ranker; {_DEFAULT}"),
    flags.DEFINE_integer(
        "batch_size", None, f"Rows of a step; {_DEFAULT}", lower_bound=1
    ),
    flags.DEFINE_float(
        "hidden_share",
        None,
        "Share of the ids hidden in training, which teaches the ranker to do without; "
        f"{_DEFAULT}",
    ),
    flags.DEFINE_float(
        "average_decay",
        None,
        "Of a moving average of the weights, which is what is validated and kept; 0 "
        f"keeps the weights themselves; {_DEFAULT}",
    ),
    flags.DEFINE_integer("max_epochs", None, f"Of the ranker, at most; {_DEFAULT}"),
    flags.DEFINE_integer(
        "patience",
        None,
        "Epochs without a better validation AUC after which training stops; "
        f"{_DEFAULT}",
        lower_bound=1,
    ),
    flags.DEFINE_enum(
        "optimizer",
        None,
        OPTIMIZERS,
        "Of the ranker; lazy_adam and adagrad touch the rows of a batch alone.",
    ),
    flags.DEFINE_float(
        "clipnorm", None, "Norm that the gradients together are scaled down to."
    ),
    flags.DEFINE_float(
        "embedding_l2", None, "Weight of an L2 penalty on the embeddings of a batch."
    ),
    flags.DEFINE_enum("precision", None, PRECISIONS, "What the ranker computes in."),
    flags.DEFINE_integer(
        "steps_per_execution", None, "Steps that Keras runs in one go.", lower_bound=1
    ),
    flags.DEFINE_enum(
        "distribution",
        "none",
        DISTRIBUTIONS,
        "What shares the training of a ranker. multi_worker: the processes that "
        "TF_CONFIG names, which see the same --workdir; without it, --num_replicas are "
        "started here.",
    ),
    flags.DEFINE_integer(
        "num_replicas",
        2,
        "Devices of mirrored, processes of multi_worker where this starts them, "
        "workers of parameter_server.",
        lower_bound=1,
    ),
]


flags.register_validator(
    "hidden_units",
    lambda widths: all(width.isdecimal() and int(width) > 0 for width in widths or ()),
    message="must be whole numbers above 0, such as 256,128,64",
)


def given() -> dict[str, Any]:
    """The settings that have a value, by the names of `RankerConfig`."""
    values = {flag.name: flag.value for flag in _FLAGS if flag.value is not None}
    if "hidden_units" in values:
        values["hidden_units"] = tuple(int(width) for width in values["hidden_units"])
    return values
