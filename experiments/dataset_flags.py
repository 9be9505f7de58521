"""Flags that name a data set: a built-in one, or files of the user's own."""

from typing import Any

from absl import flags

# Those of moc_tf.data, whose import takes seconds; a test compares them.
PROTOCOLS = ["rating", "implicit", "click"]

_DATASET = flags.DEFINE_string(
    "dataset",
    None,
    "planted, amazon/beauty, amazon/sports_and_outdoors or amazon/toys_and_games; "
    "default: planted, or the file of --interactions.",
)
_PROTOCOL = flags.DEFINE_enum(
    "protocol",
    None,
    PROTOCOLS,
    "rating: above 3 is a click; implicit: an interaction is, another's item is not; "
    "click: the column of that name says. Default: click with --interactions, else "
    "rating.",
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of the Amazon 2014 files.")
_INTERACTIONS = flags.DEFINE_string(
    "interactions",
    None,
    "Your own log, .parquet, .csv or .jsonl: columns user_id, item_id, timestamp, and "
    "click (0 or 1) or rating, as --protocol wants. The first 80 % by time train.",
)
_ITEMS = flags.DEFINE_string(
    "items",
    None,
    "With --interactions: attributes of the items, .parquet, .csv or .jsonl, with a "
    "column item_id.",
)
_ATTRIBUTES = flags.DEFINE_list(
    "attributes",
    [],
    "Text columns of --items that the ranker has as features, such as brand,category.",
)
_VECTORS = flags.DEFINE_string(
    "vectors",
    None,
    "File of item vectors, .npz, .npy or .parquet, as embed_items writes it.",
)


def protocol() -> str:
    """What is a click."""
    return _PROTOCOL.value or ("click" if _INTERACTIONS.value else "rating")


def given() -> tuple[str, Any]:
    """The name of the data set that the flags name, and what loads it.

    Returns:
      The name, and an `experiments.datasets.Loader` that knows it.

    Raises:
      ValueError: if the flags do not go together.
    """
    from experiments.datasets import Files, Loader

    if not _INTERACTIONS.value:
        if _ITEMS.value or _ATTRIBUTES.value:
            raise ValueError(
                "--items and --attributes describe the items of --interactions, which "
                "is missing. The built-in data sets have their own."
            )
        loader = Loader(_DATA_DIR.value, _VECTORS.value)
        return _DATASET.value or "planted", loader
    if _DATASET.value or _DATA_DIR.value:
        raise ValueError(
            "--interactions is a data set of its own, so that there must be no "
            f"--dataset and no --data_dir. Received: {_DATASET.value!r}, "
            f"{_DATA_DIR.value!r}."
        )
    if not _VECTORS.value:
        raise ValueError(
            "--interactions needs --vectors, a file of item vectors; "
            "experiments.embed_items makes one of the items' texts."
        )
    files = Files(
        _INTERACTIONS.value, _VECTORS.value, _ITEMS.value, tuple(_ATTRIBUTES.value)
    )
    return files.name, Loader(files=files)
