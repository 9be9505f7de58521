"""How fast the autoencoder of `moc` trains and encodes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from experiments.benchmarks.cases import Task
from experiments.benchmarks.epoch_rates import EpochRates
from experiments.benchmarks.measuring import rates
from experiments.benchmarks.records import Record
from experiments.benchmarks.shapes import TokenizerShape
from experiments.benchmarks.synthetic_data import item_vectors
from moc_tf.indexing import AutoencoderConfig, Indexer, make_indexer

# "shared latent" is the work that the peers do; "default" is what moc is unless told
# otherwise, but for the batch.
FORMS = ("shared latent", "default")
_FOREVER = 1_000_000  # epochs: `EpochRates` ends the training


def widths(form: str, shape: TokenizerShape) -> tuple[tuple[int, ...], int]:
    """Hidden units, and how many latents a vector has."""
    if form == "shared latent":
        return shape.hidden_units, 1
    # At full size the default; at another a single layer too.
    is_full = shape == TokenizerShape()
    default = AutoencoderConfig().hidden_units
    return default if is_full else shape.hidden_units[:1], shape.num_codebooks


def train(task: Task) -> Iterator[Record]:
    """Vectors a second of `indexer.fit`: full steps, and all that goes with them.

    Input "batches" is a data set of batches that lie in memory, in an order that stays;
    "array" is the vectors, of which each epoch gathers batches in an order of its own.
    The start of the codebooks, once a fit, is left out. The form that peers have too
    keeps dead codes, as they do.
    """
    shape = task.scale.tokenizer
    vectors = item_vectors(shape)
    counted = EpochRates(len(vectors), task.scale.effort)
    options = {"epochs": _FOREVER, "batch_size": shape.train_batch}
    if task.case.options["form"] == "shared latent":
        options["dead_codes"] = "keep"
    given: Any = vectors
    if task.case.options["input"] == "batches":
        parts = tf.data.Dataset.from_tensor_slices(
            tf.reshape(tf.constant(vectors), [-1, shape.train_batch, shape.dim])
        )
        given = parts.cache()
    _indexer(task, **options).fit(given, callbacks=[counted])
    yield task.record(
        "vectors_per_s",
        counted.measured,
        batch=shape.train_batch,
        epochs=counted.epochs,
        call="indexer.fit",
    )


def encode(task: Task) -> Iterator[Record]:
    """Vectors a second of `indexer.encode`, from an array to an array."""
    shape, effort = task.scale.tokenizer, task.scale.effort
    vectors = item_vectors(shape)
    indexer = _indexer(task, epochs=1, batch_size=shape.train_batch)
    # How good the codes are does not matter here.
    indexer.fit(vectors[: max(len(vectors) // 4, shape.codebook_size)])
    batches = np.split(
        vectors, range(shape.encode_batch, len(vectors), shape.encode_batch)
    )

    def encode_all() -> np.ndarray:
        return np.concatenate([indexer.encode(batch) for batch in batches])

    yield task.record(
        "vectors_per_s",
        rates(encode_all, len(vectors), effort),
        batch=shape.encode_batch,
        call="indexer.encode",
    )


def _indexer(task: Task, **options: Any) -> Indexer:
    shape, form = task.scale.tokenizer, task.case.options["form"]
    hidden_units, _ = widths(form, shape)
    precision = task.case.options["precision"]
    return make_indexer(
        "moc",
        num_codebooks=shape.num_codebooks,
        codebook_size=shape.codebook_size,
        codebook_dim=shape.codebook_dim,
        hidden_units=hidden_units,
        latent="shared" if form == "shared latent" else "projected",
        learning_rate=1e-3,
        precision=precision,
        encoding_precision=precision,
        **options,
    )
