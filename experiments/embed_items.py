r"""Texts of items to item vectors, through an encoder of sentence-transformers.

    python -m experiments.embed_items --encoder=all-mpnet-base-v2 \
        --dataset=amazon/beauty --data_dir=/path/to/amazon2014 --out=runs/beauty.npz
    python -m experiments.embed_items --encoder=/path/to/encoder --items=items.jsonl \
        --template='{name} | Made by {maker} | {notes:.500}' --out=runs/items.npz

`--encoder` is a folder with a model, or the name of one that is downloaded. `--items`
is .jsonl, .csv or .parquet, with `item_id` and the fields of the template. A template
is parts with a | between them; a part whose field an item lacks is left out, and
`--separator` stands between those that are left.

Writes `--out`, .npz or .npy, for `python -m experiments.index_items --vectors=...`, and
`<out>.manifest.json` last of all. Killed and started again, it does what is left; with
another encoder, other texts, `--normalize` or `--dtype` it starts anew.
"""

from absl import app, flags

_DATASET = flags.DEFINE_enum(
    "dataset",
    None,
    ["amazon/beauty", "amazon/sports_and_outdoors", "amazon/toys_and_games"],
    "Whose items to embed. Or --items.",
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of the Amazon 2014 files; default: they are downloaded through TensorFlow "
    "Datasets.",
)
_ITEMS = flags.DEFINE_string("items", None, "File of items. Or --dataset.")
flags.mark_flags_as_mutual_exclusive(["dataset", "items"], required=True)
_ENCODER = flags.DEFINE_string("encoder", None, "Folder or name.", required=True)
_OUT = flags.DEFINE_string("out", None, "File to write, .npz or .npy.", required=True)
_TEMPLATE = flags.DEFINE_string(
    "template",
    "{title} | Brand: {brand} | Category: {category} | {description}",
    "How the fields of an item are joined; {title:.80} is at most 80 characters.",
)
_SEPARATOR = flags.DEFINE_string("separator", "\n", "What stands between two parts.")
_PROMPT = flags.DEFINE_string(
    "prompt",
    None,
    "Put in front of each text, such as 'passage: ' for E5; default: the encoder's.",
)
_MAX_TOKENS = flags.DEFINE_integer(
    "max_tokens", None, "Cut texts there; default: the encoder's limit.", lower_bound=1
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Texts at once.", lower_bound=1)
_NORMALIZE = flags.DEFINE_bool("normalize", True, "Scale vectors to unit length.")
_DTYPE = flags.DEFINE_enum(
    "dtype", "float16", ["float16", "float32"], "Of the vectors."
)

_SECONDS_BETWEEN_LINES = 5


def main(_: list[str]) -> None:
    """Reads, embeds and writes, and tells how far it is."""
    from moc_tf.data import (
        EmbeddingProgress,
        SentenceEncoder,
        TextTemplate,
        embed_items,
        item_texts,
        load_amazon,
        read_items,
    )

    template = TextTemplate(_TEMPLATE.value, _SEPARATOR.value)
    if _ITEMS.value is not None:
        if _DATA_DIR.value is not None:
            raise ValueError(
                "--data_dir is the folder of a --dataset, and --items has no use for "
                f"it. Received: --data_dir={_DATA_DIR.value}. Leave it out."
            )
        catalogue = read_items(_ITEMS.value, template.fields)
    else:
        name = _DATASET.value.removeprefix("amazon/")
        _, catalogue = load_amazon(name, _DATA_DIR.value)
    texts = item_texts(catalogue, template)
    encoder = SentenceEncoder(_ENCODER.value, _MAX_TOKENS.value, _PROMPT.value)
    cut, limit = encoder.count_cut(texts), encoder.info["max_tokens"]
    print(f"Embedding {len(texts):,} items; the first one's text:\n\n{texts[0]}\n")
    print(f"{cut:,} texts are cut at {limit:,} tokens.", flush=True)

    printed_at = 0.0

    def report(progress: EmbeddingProgress) -> None:
        nonlocal printed_at
        due = progress.seconds - printed_at >= _SECONDS_BETWEEN_LINES
        if due or progress.done == progress.total:
            printed_at = progress.seconds
            print(_line(progress), flush=True)

    vectors = embed_items(
        catalogue,
        encoder,
        _OUT.value,
        encoder_info=encoder.info,
        template=template,
        batch_size=_BATCH_SIZE.value,
        normalize=_NORMALIZE.value,
        dtype=_DTYPE.value,
        report=report,
    )
    items, dims = vectors.vectors.shape
    print(f"Wrote {items:,} vectors of {dims:,} dimensions to {_OUT.value}.")


def _line(progress) -> str:
    done = f"{progress.done:,}".rjust(len(f"{progress.total:,}"))
    return (
        f"[{done}/{progress.total:,}] {progress.seconds:7.1f} s  "
        f"{progress.texts_per_second:,.1f} texts/s  "
        f"about {progress.seconds_left:,.0f} s left"
    )


if __name__ == "__main__":
    app.run(main)
