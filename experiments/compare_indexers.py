r"""Every way to turn vectors into codes, at several numbers of codes, side by side.

    python -m experiments.compare_indexers --vectors=item_embeddings_Beauty.npz \
        --methods=moc,diverse_moc,rq_vae,rq_kmeans,opq,pq --num_codes=1,2,4,8 \
        --workdir=runs/indexers

Fits each method on all vectors and prints a row for each number of codes: relative
reconstruction error, share of the least used codebook that is in use, mean NMI between
codebooks, share of items whose codes no other item has, recall of the 10 nearest
neighbours, and the CPU seconds, of all threads, of fitting and encoding. Errors are on
the fitted vectors. `diverse_moc`, `concatenated_moc` and the like are forms of `moc`,
with options of `moc_tf/training/methods.py`. Several `--seeds` give means with half of
their 95 % intervals and, in the picture, ranges.

Writes <workdir>/results.jsonl, a row as soon as it is there, table.md, and, of several
numbers of codes, scaling.png: error, neighbour recall and redundancy against N. Started
again, it does only what is left; what was measured with other versions of packages, or
other defaults of a method, is measured anew and replaced. `--workdir` is not that of
`train_ranker`, whose results.jsonl has rows of another kind.
"""

from absl import app, flags

_VECTORS = flags.DEFINE_string("vectors", None, "File of item vectors.", required=True)
_WORKDIR = flags.DEFINE_string("workdir", None, "Where to write.", required=True)
_METHODS = flags.DEFINE_list(
    "methods",
    ["moc", "diverse_moc", "rq_vae", "rq_kmeans", "pq", "opq", "random"],
    "Indexing methods.",
)
_NUM_CODES = flags.DEFINE_list("num_codes", ["1", "2", "3", "4", "7", "8"], "N.")
flags.register_validator(
    "num_codes",
    lambda counts: all(count.isdigit() and int(count) > 0 for count in counts),
    message="must be whole numbers of at least 1, such as 2,3,7",
)
_CODEBOOK_SIZE = flags.DEFINE_integer("codebook_size", 256, "Codes in a codebook.")
_SEEDS = flags.DEFINE_integer("seeds", 1, "Of each method and N.", lower_bound=1)


def main(_: list[str]) -> None:
    """Runs what is left, then prints and writes the table."""
    import pathlib

    from experiments import indexer_figures
    from experiments.usage_errors import usage_errors
    from moc_tf.data import load_item_vectors
    from moc_tf.evaluation import plot_code_scaling

    folder = pathlib.Path(_WORKDIR.value)
    with usage_errors():
        cells = indexer_figures.cells(
            _METHODS.value,
            [int(count) for count in _NUM_CODES.value],
            codebook_size=_CODEBOOK_SIZE.value,
            seeds=range(_SEEDS.value),
        )
        items = load_item_vectors(_VECTORS.value)
        measured = indexer_figures.run(cells, items, folder / "results.jsonl")
    rows = []
    for row in measured:
        rows.append(row)
        print(f"[{len(rows):>2}/{len(cells)}] {indexer_figures.line(row)}", flush=True)
    table = indexer_figures.table(rows)
    indexer_figures.write_table(folder / "table.md", items, table)
    written = [folder / "results.jsonl", folder / "table.md"]
    if len({row["num_codes"] for row in rows}) > 1:
        written.append(folder / "scaling.png")
        plot_code_scaling(rows, written[-1])
    print(f"\n{table}\n\nWrote {', '.join(map(str, written))}.")


if __name__ == "__main__":
    app.run(main)
