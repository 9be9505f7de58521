r"""What is in a code table: its card, its pictures, and which items are alike in it.

    python -m experiments.inspect_codes --codes=runs/items/codes --out=runs/items \
        --item=B000052YQU --dataset=amazon/beauty --data_dir=/path/to/amazon2014

Prints what made the codes and how good they are. With `--item`, also the items that
share most of its codes, and with `--dataset` their titles; without `--data_dir`, the
data set is downloaded through TensorFlow Datasets. With `--out`, draws the use of the
codes and the mutual information of the codebooks.

Several code tables of the same items, such as of several seeds, are compared as well:

    python -m experiments.inspect_codes --codes=runs/seed0/codes,runs/seed1/codes

Seconds for 12,000 items.
"""

from absl import app, flags

_CODES = flags.DEFINE_list(
    "codes", None, "Folder of a code table; several of the same items.", required=True
)
_ITEM = flags.DEFINE_string("item", None, "An item, shown with those like it.")
_DATASET = flags.DEFINE_string(
    "dataset",
    None,
    "Where the titles of items are: amazon/beauty, amazon/sports_and_outdoors or "
    "amazon/toys_and_games.",
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of the Amazon 2014 files.")
_SIMILAR = flags.DEFINE_integer(
    "similar", None, "Items to show with --item, at most; default: 10.", lower_bound=1
)
_OUT = flags.DEFINE_string("out", None, "Folder to draw pictures to.")


def main(_: list[str]) -> None:
    """Prints the card and what else was asked for; draws."""
    import pathlib

    from experiments import code_stability, similar_items
    from experiments.code_card import code_card
    from experiments.usage_errors import usage_errors
    from moc_tf.code_statistics import code_usage, measure_codes
    from moc_tf.code_table import CodeTable
    from moc_tf.evaluation import plot_code_usage, plot_nmi

    paths, item = _CODES.value, _ITEM.value
    similar = titles = None
    with usage_errors():  # before anything is printed
        if len(set(paths)) < len(paths):
            raise ValueError(f"--codes must name each table once. Received: {paths}.")
        for flag, what, needed in (
            (_DATASET, "gives the titles of items", _ITEM),
            (_SIMILAR, "is a number of items like another", _ITEM),
            (_DATA_DIR, "has the files of a data set", _DATASET),
        ):
            if flag.value and needed.value is None:
                raise ValueError(
                    f"--{flag.name} {what}: name one with --{needed.name}."
                )
        tables = {path: CodeTable.load(path) for path in paths}
        table = tables[paths[0]]
        if item is not None:
            count = _SIMILAR.value or 10
            similar = similar_items.similar_items(table, item, count)
        if _DATASET.value:
            shown = [item, *table.item_ids[similar].tolist()]
            titles = similar_items.titles(_DATASET.value, _DATA_DIR.value, shown)
    statistics = measure_codes(table.codes, table.codebook_size)
    print(code_card(table, statistics))
    if similar is not None:
        text = similar_items.similar_items_text(table, item, similar, titles or {})
        print(f"\n{text}")

    stability = {}
    if len(tables) > 1:
        print(f"\n{code_stability.comparison_text(tables)}")
        stability = code_stability.compare_tables(tables)
        print(f"\n{code_stability.stability_text(stability)}")

    if _OUT.value:
        out = pathlib.Path(_OUT.value)
        method = table.manifest.get("method", "codes")
        drawn = [out / "code_usage.png"]
        plot_code_usage(
            code_usage(table.codes, table.codebook_size),
            drawn[0],
            f"Uses of the codes of {method}, {len(table):,} items",
        )
        if table.num_codebooks > 1:
            drawn.append(out / "pairwise_nmi.png")
            plot_nmi(
                statistics.pairwise_nmi,
                drawn[-1],
                f"Codebooks of {method}: mean NMI {statistics.mean_nmi:.2f}, "
                f"chance {statistics.chance_nmi:.2f}",
            )
        if len(tables) == 2:
            [found] = stability.values()
            drawn.append(out / "stability.png")
            plot_nmi(
                found.nmi,
                drawn[-1],
                f"Stability of {method}: mean NMI {found.mean_nmi:.2f} of matched "
                f"codebooks\n(framed), chance {found.chance_nmi:.2f}",
                ("codebook of the first table", "codebook of the second table"),
                found.matches,
            )
        print(f"\nDrew {', '.join(map(str, drawn))}.")


if __name__ == "__main__":
    app.run(main)
