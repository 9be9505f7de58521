r"""How fast are the parts? Rates of the data pipeline, alone and with a model.

    python -m experiments.benchmark
    python -m experiments.benchmark --workload=serving
    python -m experiments.benchmark --workload=vocabulary

Draws a click log of the size of a small production table and measures, in rows a
second: batches from `make_batches` alone; `model.fit` on batches that lie ready in
memory; and `model.fit` on `make_batches`, which shuffles, gathers and joins the codes
as it goes. Each figure is the median of three repeats. About two minutes on 2 cores.

The workload `serving` exports a ranker of that size and measures the latency of
requests to the SavedModel, batches of 1, 256 and 4,096. About a minute.

The workload `vocabulary` measures a training step of DeepFM with 100,000, a million and
four million users: lazy_adam and adagrad must not care, and adam does. It needs 2 GB
and takes a minute and a half.
"""

from absl import app, flags

_WORKLOAD = flags.DEFINE_enum(
    "workload", "pipeline", ["pipeline", "serving", "vocabulary"], "What is measured."
)
_ROWS = flags.DEFINE_integer(
    "rows", 1_048_576, "Rows of the log, at least a batch.", lower_bound=1
)
_USERS = flags.DEFINE_integer("users", 1_000_000, "Size of the user vocabulary.")
_ITEMS = flags.DEFINE_integer("items", 100_000, "Size of the item vocabulary.")
_NUM_CODES = flags.DEFINE_integer("num_codes", 7, "Codes an item, each of 256.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 4096, "Rows of a step.")
_VOCABULARIES = flags.DEFINE_list(
    "vocabularies", ["100000", "1000000", "4000000"], "Users of workload `vocabulary`."
)
_OPTIMIZERS = flags.DEFINE_list(
    "optimizers", ["lazy_adam", "adagrad", "adam"], "Of workload `vocabulary`."
)
_MODELS = flags.DEFINE_list("models", ["dcn_v2", "deepfm"], "Rankers.")


def main(_: list[str]) -> None:
    """Measures and prints."""
    if _WORKLOAD.value == "serving":
        from experiments.serving_latency import measure_latency

        measure_latency(
            _MODELS.value, _USERS.value, _ITEMS.value, _NUM_CODES.value, (1, 256, 4096)
        )
        return
    if _WORKLOAD.value == "vocabulary":
        from experiments.vocabulary_steps import measure_steps

        sizes = [int(size) for size in _VOCABULARIES.value]
        measure_steps(sizes, _OPTIMIZERS.value, _BATCH_SIZE.value)
        return
    import statistics
    import time
    from collections.abc import Callable

    import numpy as np

    from moc_tf.data import CategoricalFeature, CodeFeature, Schema, make_batches
    from moc_tf.ranking import LazyAdam, make_ranker

    random = np.random.default_rng(0)
    rows, items, batch_size = _ROWS.value, _ITEMS.value, _BATCH_SIZE.value
    log = {
        "user": random.integers(_USERS.value, size=rows, dtype=np.int32),
        "item_row": random.integers(items, size=rows, dtype=np.int32),
        "label": random.integers(2, size=rows).astype(np.float32),
    }
    brands, categories, codebook_size = 2_000, 500, 256
    catalogue = {
        "item": np.arange(items, dtype=np.int32),
        "brand": random.integers(brands, size=items, dtype=np.int32),
        "category": random.integers(categories, size=items, dtype=np.int32),
        "codes": random.integers(
            codebook_size, size=(items, _NUM_CODES.value), dtype=np.int32
        ),
    }
    schema = Schema(
        (
            CategoricalFeature("user", _USERS.value),
            CategoricalFeature("item", items),
            CategoricalFeature("brand", brands),
            CategoricalFeature("category", categories),
            CodeFeature("codes", _NUM_CODES.value, codebook_size),
        )
    )
    batches = make_batches(
        log, batch_size, 0, catalogue, "item_row", drop_remainder=True
    )

    def rate(epoch: Callable[[], object], num_batches: int) -> float:
        """Rows a second over one epoch: median of three, after one to warm up."""
        seconds = []
        for _ in range(4):
            started = time.perf_counter()
            epoch()
            seconds.append(time.perf_counter() - started)
        return num_batches * batch_size / statistics.median(seconds[1:])

    def consume() -> None:
        for _ in batches:
            pass

    print(f"{rows:,} rows, batches of {batch_size}, {_NUM_CODES.value} codes an item")
    total = int(batches.cardinality())
    kept = min(64, total)  # the ready batches, gone through several times
    alone = rate(consume, total)
    print(f"pipeline alone              {alone:12,.0f} rows/s", flush=True)
    for name in _MODELS.value:
        ready = batches.take(kept).cache().repeat(total // kept)
        model = make_ranker(name, schema)
        model.compile(optimizer=LazyAdam(1e-3), steps_per_execution=8)
        from_memory = rate(
            lambda: model.fit(ready, verbose=0),  # noqa: B023
            total // kept * kept,
        )
        from_columns = rate(
            lambda: model.fit(batches, verbose=0),  # noqa: B023
            total,
        )
        print(f"{name:<8} on ready batches   {from_memory:12,.0f} rows/s")
        print(
            f"{name:<8} on the pipeline    {from_columns:12,.0f} rows/s "
            f"({from_columns / from_memory:.1%}), {alone / from_columns:.0f} times "
            "slower than the pipeline alone",
            flush=True,
        )


if __name__ == "__main__":
    app.run(main)
