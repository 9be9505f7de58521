r"""Item vectors to codes: fits an indexer and writes it with the codes of all items.

    python -m experiments.index_items --vectors=items.npz --out=runs/items \
        --method=moc --num_codes=7

`--vectors` is .npz (arrays item_id and embedding), .npy (with <name>.item_ids.txt
beside it) or .parquet (columns item_id and embedding). Writes <out>/indexer, for
`moc_tf.indexing.load_indexer`, and <out>/codes, for `moc_tf.CodeTable.load`. Started
again after an interruption, the autoencoders go on after their last finished epoch
(<out>/checkpoint, which may be removed afterwards). Losses and the health of the
codebooks by epoch are in <out>/logs, also for TensorBoard.
12,000 items of 768 dimensions take about half a minute on 2 cores.
"""

import json
from typing import Any

from absl import app, flags

_VECTORS = flags.DEFINE_string("vectors", None, "File of item vectors.", required=True)
_OUT = flags.DEFINE_string("out", None, "Folder to write to.", required=True)
_METHOD = flags.DEFINE_enum(
    "method",
    "moc",
    ["moc", "vq", "me", "rq_vae", "rq_kmeans", "rq_gmm", "pq", "opq", "random"],
    "Indexing method.",
)
_NUM_CODES = flags.DEFINE_integer("num_codes", 7, "Codes an item; `vq` has one.")
_CODEBOOK_SIZE = flags.DEFINE_integer("codebook_size", 256, "Codes in a codebook.")
_OPTIONS = flags.DEFINE_multi_string(
    "option",
    [],
    "A further option of the method, NAME=VALUE, repeated at will: "
    "--option=latent=shared --option=diversity_weight=1.0 "
    "--option=hidden_units=[1024,256]. A wrong name lists those that there are.",
)
_EPOCHS = flags.DEFINE_integer(
    "epochs", None, "Passes over the vectors; default: the method's, where it has any."
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of everything random.")


def _named_value(option: str) -> tuple[str, Any]:
    name, equals, value = option.partition("=")
    if not equals:
        raise app.UsageError(f"--option must be NAME=VALUE. Received: {option!r}.")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value  # a word, such as shared


def main(_: list[str]) -> None:
    """Fits, encodes, saves and prints the card of the codes."""
    import pathlib

    from experiments.code_card import code_card
    from experiments.usage_errors import usage_errors
    from moc_tf.data import load_item_vectors
    from moc_tf.indexing import index_items, make_indexer
    from moc_tf.training.run_directory import EpochLogger

    options = {
        "num_codebooks": 1 if _METHOD.value == "vq" else _NUM_CODES.value,
        "codebook_size": _CODEBOOK_SIZE.value,
        "seed": _SEED.value,
        **dict(_named_value(option) for option in _OPTIONS.value),
    }
    if _EPOCHS.value is not None:
        options["epochs"] = _EPOCHS.value
    with usage_errors():
        indexer = make_indexer(_METHOD.value, **options)
        item_vectors = load_item_vectors(_VECTORS.value)
    items, width = item_vectors.vectors.shape
    print(f"Fitting {indexer} on {items:,} vectors of {width} dimensions.", flush=True)
    out = pathlib.Path(_OUT.value)
    indexer.fit(
        item_vectors.vectors,
        verbose=2,
        callbacks=[EpochLogger(out / "logs")],
        checkpoint=out / "checkpoint",
    )
    table = index_items(indexer, item_vectors)
    indexer.save(out / "indexer")
    table.save(out / "codes")
    print(f"\n{code_card(table)}\n")
    print(f"Wrote {out / 'indexer'} and {out / 'codes'}.")


if __name__ == "__main__":
    app.run(main)
