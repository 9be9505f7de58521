"""`vq` and `moc`: the autoencoder behind the indexer contract."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.data.pipeline import make_batches
from moc_tf.indexing.autoencoder import CodeAutoencoder
from moc_tf.indexing.codebook_upkeep import CodebookUpkeep, start_codebooks
from moc_tf.indexing.configuration import AutoencoderConfig
from moc_tf.indexing.indexer import Indexer, register_indexer
from moc_tf.indexing.vector_batches import vector_batches
from moc_tf.indexing.vector_statistics import VectorStatistics

# Every call of the graph has this shape, so that a vector's codes cannot depend on
# how many others it is encoded with: matrix kernels differ by size, in the last bit.
_CHUNK = 1024


@register_indexer("vq", "moc")
class AutoencoderIndexer(Indexer):
    """N parallel codebooks in the latent space of an autoencoder; "vq" has N = 1."""

    config_class = AutoencoderConfig
    config: AutoencoderConfig

    def __init__(self, method: str, **options: Any):
        if method == "vq":
            if options.get("num_codebooks", 1) != 1:
                raise ValueError(
                    "Method 'vq' has one codebook; use 'moc' for more. "
                    f"Received: num_codebooks={options['num_codebooks']}."
                )
            options["num_codebooks"] = 1
        super().__init__(method, **options)
        self._model: CodeAutoencoder | None = None

    @property
    def codes_per_item(self) -> int:
        """N, codes of an item."""
        return self.config.num_codebooks

    @property
    def codebook_size(self) -> int:
        """K, different values of a code."""
        return self.config.codebook_size

    def fit(
        self,
        vectors: Any,
        verbose: int = 0,
        callbacks: Sequence[Any] = (),
    ) -> "AutoencoderIndexer":
        """Learns encoder, codebooks and decoder from `vectors`.

        Codebooks start as k-means centroids of the untrained encoder's latents; after
        each epoch but the last two, codes that no vector chose are moved onto random
        latents.

        Args:
          vectors: float array [items, X], or a `tf.data.Dataset` of such batches,
            gone through once before training for its mean, scale and a sample.
          verbose: Keras' verbosity: 0 silent, 1 a progress bar, 2 a line an epoch.
          callbacks: Keras callbacks; the logs hold every loss term, and `usage` and
            `perplexity`, means over codebooks.

        Returns:
          self.

        Raises:
          ValueError: if the vectors are not finite, not [items, X], or fewer than
            the codes of a codebook.
        """
        config = self.config
        started = time.perf_counter()
        if isinstance(vectors, tf.data.Dataset):
            if vectors.cardinality() == tf.data.INFINITE_CARDINALITY:
                raise ValueError(
                    "The data set of vectors must end, an epoch is one pass through "
                    "it. Received: an infinite one. Leave out its repeat()."
                )
            checked, batches = vectors.as_numpy_iterator(), vectors
        else:
            vectors = np.asarray(vectors)
            checked, batches = vectors, None
        statistics = VectorStatistics(
            sample_size=max(64 * config.codebook_size, 16_384), seed=config.seed
        )
        for batch in vector_batches(checked):
            statistics.add(batch)
        if statistics.rows < config.codebook_size:
            raise ValueError(
                f"There must be at least as many items as codes in a codebook, "
                f"{config.codebook_size}. Received: {statistics.rows} items. Lower "
                "codebook_size or fit on more items."
            )
        if batches is None:
            batches = make_batches(
                {"vectors": vectors}, config.batch_size, shuffle_seed=config.seed
            ).map(lambda columns: columns["vectors"])

        model = CodeAutoencoder(config, statistics.width)
        model.center.assign(statistics.mean)
        model.scale.assign(statistics.scale)
        start_codebooks(model, statistics.sample, config.seed)
        model.compile(
            optimizer=keras.optimizers.Adam(config.learning_rate, jit_compile=False)
        )
        upkeep = CodebookUpkeep(statistics.sample, config.epochs, config.seed)
        history = model.fit(
            batches,
            epochs=config.epochs,
            verbose=verbose,
            callbacks=[upkeep, *callbacks],
        )
        self._use(model, statistics.width)
        self._fit_summary = {
            "items": statistics.rows,
            "seconds": round(time.perf_counter() - started, 3),
            "last_epoch": {k: float(v[-1]) for k, v in history.history.items()},
        }
        return self

    def _use(self, model: CodeAutoencoder, input_dim: int) -> None:
        self.input_dim = input_dim
        self._model = model
        vectors = tf.TensorSpec([_CHUNK, input_dim], tf.float32)
        codes = tf.TensorSpec([_CHUNK, self.codes_per_item], tf.int32)
        self._encode_chunk = tf.function(model.encode).get_concrete_function(vectors)
        self._decode_chunk = tf.function(model.decode).get_concrete_function(codes)

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        return _in_chunks(self._encode_chunk, vectors.astype(np.float32))

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        return _in_chunks(self._decode_chunk, codes)

    def _arrays(self) -> Mapping[str, np.ndarray]:
        assert self._model is not None
        return {_key(weight): weight.numpy() for weight in self._model.state}

    def _set_arrays(self, arrays: Mapping[str, np.ndarray], input_dim: int) -> None:
        model = CodeAutoencoder(self.config, input_dim)
        for weight in model.state:
            weight.assign(arrays[_key(weight)])
        self._use(model, input_dim)


def _key(weight: tf.Variable) -> str:
    return weight.name.removesuffix(":0")


def _in_chunks(function: Any, rows: np.ndarray) -> np.ndarray:
    outputs = []
    for start in range(0, max(len(rows), 1), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        padding = [(0, _CHUNK - len(chunk))] + [(0, 0)] * (rows.ndim - 1)
        padded = tf.constant(np.pad(chunk, padding))
        outputs.append(function(padded).numpy()[: len(chunk)])
    return np.concatenate(outputs)
