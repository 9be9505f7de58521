"""`vq`, `moc`, `me` and `rq_vae`: the autoencoder behind the indexer contract."""

import contextlib
import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf.data.pipeline import fixed, make_batches
from moc_tf.fit_checkpoint import FitCheckpoint
from moc_tf.fused_adam import FusedAdam
from moc_tf.indexing.autoencoder import CodeAutoencoder
from moc_tf.indexing.codebook_health import CodebookHealth
from moc_tf.indexing.codebook_upkeep import CodebookUpkeep, start_codebooks
from moc_tf.indexing.configuration import AutoencoderConfig
from moc_tf.indexing.fixed_chunks import CHUNK, in_chunks
from moc_tf.indexing.indexer import Indexer
from moc_tf.indexing.methods import register_indexer
from moc_tf.indexing.vector_statistics import VectorStatistics, gather_statistics

# Arrays of at most so many bytes in float32 are copied to a tensor: its rows are
# gathered faster.
_HELD = 2**28
# Steps that Keras runs in one go: what it does in between takes a tenth of a small one.
_STEPS = 8

# What the name of a method fixes: option, value, and how to get another.
_FIXED: dict[str, tuple[tuple[str, Any, str], ...]] = {
    "vq": (("num_codebooks", 1, "Method 'vq' has one codebook; use 'moc' for more."),),
    "moc": (("quantizer", "parallel", "For residual levels use method 'rq_vae'."),),
    "me": (
        ("quantizer", "parallel", "Method 'me' has one codebook."),
        (
            "diversity_weight",
            0.0,
            "Method 'me' has one codebook: nothing to tell apart.",
        ),
    ),
    "rq_vae": (
        ("quantizer", "residual", "For parallel codebooks use method 'moc'."),
        ("latent", "shared", "The levels of 'rq_vae' share one latent."),
    ),
}


@register_indexer("vq", "moc", "me", "rq_vae")
class AutoencoderIndexer(Indexer):
    """Codebooks in the latent space of an autoencoder.

    "moc" has N parallel codebooks, "vq" one, "rq_vae" N residual levels. "me"
    (Multi-Embedding) has the codes of "vq", for N = `num_codebooks` embedding tables
    in the ranker.
    """

    config_class = AutoencoderConfig
    config: AutoencoderConfig

    def __init__(self, method: str, **options: Any):
        for name, value, advice in _FIXED[method]:
            if options.setdefault(name, value) != value:
                raise ValueError(f"{advice} Received: {name}={options[name]!r}.")
        super().__init__(method, **options)
        self._model_config = self.config
        if method == "me":
            self._model_config = dataclasses.replace(self.config, num_codebooks=1)
        self._model: CodeAutoencoder | None = None

    @property
    def codes_per_item(self) -> int:
        """N, codes of an item."""
        return self._model_config.num_codebooks

    @property
    def tables_per_code(self) -> int:
        """Embedding tables that the ranker gives each code: 1, but for "me"."""
        return self.config.num_codebooks // self.codes_per_item

    @property
    def codebooks(self) -> np.ndarray:
        """The code vectors, float32 [codes per item, K, D], in the latent space."""
        self._require_fitted()
        assert self._model is not None
        return self._model.quantizer.code_vectors().numpy()

    def fit(
        self,
        vectors: Any,
        verbose: int = 0,
        callbacks: Sequence[Any] = (),
        checkpoint: str | os.PathLike | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ) -> "AutoencoderIndexer":
        """Learns encoder, codebooks and decoder from `vectors`.

        After each epoch but the last two, codes that no vector chose are moved onto
        random latents.

        Args:
          vectors: float array [items, X], possibly memory-mapped, of which each epoch
            has its own random order; or a `tf.data.Dataset` of such batches, which
            are those of training, whatever `batch_size` says. It is gone through once
            before for its mean, scale and a sample; see `moc_tf.data.pipeline.fixed`
            for how it is run.
          verbose: Keras' verbosity: 0 silent, 1 a progress bar, 2 a line an epoch.
          callbacks: Keras callbacks; the logs hold every loss term, and the figures of
            `CodebookHealth`, which watches every fit. Without a strategy they see one
            batch in eight, but for data sets that do not know their length. One that
            stops the training ends the fit. In the warm-up, the codebooks are then
            still started, and stay where they start.
          checkpoint: folder of the state after each epoch, from which a fit that was
            broken off goes on; see `Indexer.fit`. A data set goes on from its first
            batch, which ends as an unbroken fit would if its passes are all alike.
          strategy: of `tf.distribute`; its replicas share each batch, and end with the
            codebooks that one replica has, but for rounding. Workers of a
            `MultiWorkerMirroredStrategy` each call this with all vectors.

        Returns:
          self.

        Raises:
          ValueError: if the vectors are neither array nor data set, not finite, not
            [items, X], or fewer than the codes of a codebook.
          DivergedError: if a loss or a codebook becomes NaN or infinite.
          CodebookCollapseError: if codebooks use next to none of their codes.
        """
        config = self._model_config
        statistics = gather_statistics(
            vectors,
            sample_size=max(64 * config.codebook_size, 16_384),
            seed=config.seed,
            at_least=config.codebook_size,
        )
        with strategy.scope() if strategy else contextlib.nullcontext():
            model = CodeAutoencoder(config, statistics.width)
            model.center.assign(statistics.mean)
            model.scale.assign(statistics.scale)
            optimizer = FusedAdam(config.learning_rate)
            # Replicas exchange sizes at each step, and some data sets end at any.
            counted = not isinstance(vectors, tf.data.Dataset) or (
                vectors.cardinality() > 0
            )
            model.compile(
                optimizer=optimizer,
                steps_per_execution=_STEPS if counted and strategy is None else 1,
            )
            optimizer.build(model.trainable_variables)
        progress = FitCheckpoint(
            checkpoint,
            [*_training_state(model), *optimizer.variables],
            {
                "configuration": dataclasses.asdict(config),
                "vectors": statistics.sha256(),
            },
            writes=strategy is None or strategy.extended.should_checkpoint,
        )
        progress.restore()
        if not progress.finished:
            self._train(model, vectors, statistics, progress, verbose, callbacks)
            progress.finish()
        self._fit_summary = {
            "items": statistics.rows,
            "seconds": round(progress.elapsed(), 3),
            "last_epoch": progress.last_logs,
        }
        # A model of its own, on one device whatever trained it.
        self._set_arrays(_arrays_of(model), statistics.width)
        return self

    def adopt(self, other: Indexer) -> "AutoencoderIndexer":
        """Becomes what `fit` would make of it, by the fit of `other`.

        "me" has the codes of "vq", however many tables it has, so that one fit serves
        all of them.

        Args:
          other: a fitted indexer with the settings of this one.

        Returns:
          self.

        Raises:
          NotFittedError: if `other` is not fitted.
          ValueError: if `other` learns something else than this one.
        """
        other._require_fitted()
        settings = getattr(other, "_model_config", other.config)
        if settings != self._model_config:
            raise ValueError(
                f"An indexer can adopt the fit of an equal one: {self._model_config}. "
                f"Received: {settings}."
            )
        assert isinstance(other, AutoencoderIndexer)
        assert other.input_dim is not None
        self._fit_summary = dict(other._fit_summary)
        self._set_arrays(other._arrays(), other.input_dim)
        return self

    def _train(
        self,
        model: CodeAutoencoder,
        vectors: Any,
        statistics: VectorStatistics,
        progress: FitCheckpoint,
        verbose: int,
        callbacks: Sequence[Any],
    ) -> None:
        """Goes from the epoch that `progress` has reached to the last."""
        config, sample = model.config, statistics.sample
        if isinstance(vectors, tf.data.Dataset):
            batches = fixed(vectors)
            batch_size = statistics.rows / statistics.batches
        else:
            batches = _array_batches(vectors, config, progress.epochs_done)
            batch_size = config.batch_size
        upkeep = CodebookUpkeep(sample, config.epochs, config.seed, batch_size)
        health = CodebookHealth(sample=sample)
        for warming, end in ((True, config.warmup_epochs), (False, config.epochs)):
            if progress.epochs_done >= end:
                continue
            model.warming = warming
            if not warming and progress.epochs_done == config.warmup_epochs:
                start_codebooks(model, sample, config.seed, batch_size)
            model.make_train_function(force=True)
            model.fit(
                batches,
                initial_epoch=progress.epochs_done,
                epochs=end,
                verbose=verbose,
                callbacks=[health, upkeep, *callbacks, progress],
            )
            if model.stop_training:
                break
        if model.warming:
            start_codebooks(model, sample, config.seed, batch_size)

    def _use(self, model: CodeAutoencoder, input_dim: int) -> None:
        self.input_dim = input_dim
        self._model = model
        vectors = tf.TensorSpec([CHUNK, input_dim], tf.float32)
        codes = tf.TensorSpec([CHUNK, self.codes_per_item], tf.int32)
        self._encode_chunk = tf.function(model.encode).get_concrete_function(vectors)
        self._decode_chunk = tf.function(model.decode).get_concrete_function(codes)

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        return in_chunks(self._encode_chunk, vectors.astype(np.float32, copy=False))

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        return in_chunks(self._decode_chunk, codes)

    def _arrays(self) -> Mapping[str, np.ndarray]:
        assert self._model is not None
        return _arrays_of(self._model)

    def _set_arrays(self, arrays: Mapping[str, np.ndarray], input_dim: int) -> None:
        config = dataclasses.replace(
            self._model_config, precision=self._model_config.encoding_precision
        )
        model = CodeAutoencoder(config, input_dim)
        for weight in model.state:
            weight.assign(arrays[_key(weight)])
        self._use(model, input_dim)


def _training_state(model: CodeAutoencoder) -> list[tf.Variable]:
    # Metrics start anew each epoch; one worker alone cannot read them.
    metrics = {id(v) for metric in model.metrics for v in metric.variables}
    return [v for v in model.weights if id(v) not in metrics]


def _arrays_of(model: CodeAutoencoder) -> dict[str, np.ndarray]:
    return {_key(weight): weight.numpy() for weight in model.state}


def _key(weight: tf.Variable) -> str:
    return weight.name.removesuffix(":0")


def _as_float32(array: np.ndarray) -> np.ndarray:
    # TensorFlow knows neither longdouble nor the other byte order.
    return array.astype(np.float32, copy=False)


def _array_batches(
    vectors: Any, config: AutoencoderConfig, first_pass: int
) -> tf.data.Dataset:
    """Batches of an array, gathered from where it is unless it is small."""
    array = np.asarray(vectors)
    held = 4 * array.size <= _HELD
    batches = make_batches(
        {"rows": _as_float32(array) if held else np.arange(len(array))},
        config.batch_size,
        shuffle_seed=config.seed,
        first_pass=first_pass,
    )

    def gather(columns: dict[str, tf.Tensor]) -> tf.Tensor:
        if held:
            return columns["rows"]
        batch = tf.numpy_function(
            lambda rows: _as_float32(array[rows]), [columns["rows"]], tf.float32
        )
        return tf.ensure_shape(batch, [None, array.shape[1]])

    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return batches.map(gather).prefetch(2).with_options(options)
