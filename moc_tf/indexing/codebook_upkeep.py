"""What keeps codebooks alive: where they start, and the replacement of dead codes."""

from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.indexing.autoencoder import CodeAutoencoder
from moc_tf.indexing.kmeans import kmeans
from moc_tf.indexing.quantizer import unit_length
from moc_tf.indexing.residual_quantizer import ResidualQuantizer

_ROWS_AT_ONCE = 8192


def start_codebooks(
    model: CodeAutoencoder, sample: np.ndarray, seed: int, batch_size: float
) -> None:
    """Sets each codebook where `config.codebook_start` says.

    "kmeans" takes the k-means centroids of the targets that `sample` gives the
    codebook, "sample" as many of these targets. The counts of "ema" become those of an
    average batch.

    Args:
      model: the autoencoder, changed in place.
      sample: vectors [rows, X], at least K.
      seed: codebook n draws by seed + n, so that codebooks of a shared latent start
        apart.
      batch_size: rows of an average batch.
    """
    config, quantizer = model.config, model.quantizer
    latents = sample_latents(model, sample)
    codebooks = np.zeros(quantizer.codebooks.shape, np.float32)
    counts = np.zeros(codebooks.shape[:2], np.float32)
    for n in range(config.num_codebooks):
        points = _targets(model, latents, n)
        if config.codebook_start == "kmeans":
            spherical = config.distance == "cosine"
            codebooks[n] = kmeans(points, config.codebook_size, seed + n, spherical)
        else:
            random = np.random.default_rng([seed, n])
            rows = random.choice(len(points), config.codebook_size, replace=False)
            codebooks[n] = points[rows]
        quantizer.codebooks.assign(codebooks)
        if quantizer.counts is not None:
            codes = _codes(model, latents)[:, n]
            counts[n] = np.bincount(codes, minlength=config.codebook_size)
    if quantizer.counts is not None:
        quantizer.counts.assign(counts * (batch_size / len(sample)))


def sample_latents(model: CodeAutoencoder, sample: np.ndarray) -> np.ndarray:
    """Latents, float32 [rows, N or 1, D], of vectors [rows, X]."""
    parts = [
        model.latents(model.normalise(tf.constant(rows))).numpy()
        for rows in _in_parts(sample)
    ]
    return np.concatenate(parts)


def _targets(model: CodeAutoencoder, latents: np.ndarray, n: int) -> np.ndarray:
    """What codebook n has to represent, [rows, D], given those before it."""
    quantizer = model.quantizer
    if isinstance(quantizer, ResidualQuantizer):
        if n == 0:
            return latents[:, 0]
        parts = [quantizer.assign_levels(tf.constant(z), n) for z in _in_parts(latents)]
        return np.concatenate([(p.targets - p.chosen)[:, -1].numpy() for p in parts])
    points = latents[:, n]
    if model.config.distance == "cosine":
        points = unit_length(points).numpy()
    return points


def _codes(model: CodeAutoencoder, latents: np.ndarray) -> np.ndarray:
    parts = [model.quantizer.encode(tf.constant(z)).numpy() for z in _in_parts(latents)]
    return np.concatenate(parts)


def _in_parts(rows: np.ndarray) -> list[np.ndarray]:
    return [
        rows[first : first + _ROWS_AT_ONCE]
        for first in range(0, len(rows), _ROWS_AT_ONCE)
    ]


class CodebookUpkeep(keras.callbacks.Callback):
    """Counts the uses of codes in each epoch, and replaces those without any.

    A dead code moves onto the target of a random vector. The last two epochs replace
    nothing, so that every code has been trained where it ends.

    Args:
      sample: vectors [rows, X] to draw replacements from.
      epochs: of the training.
      seed: of the draws, which depend on the epoch too, so that a training that is
        resumed makes the same.
      batch_size: rows of an average batch, of which "ema" counts a replaced code an
        even share.
    """

    def __init__(self, sample: np.ndarray, epochs: int, seed: int, batch_size: float):
        super().__init__()
        self._batch_size = batch_size
        self._sample = sample
        self._last_replacement = epochs - 3
        self._seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Starts counting anew."""
        self.model.usage.assign(tf.zeros_like(self.model.usage))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Replaces dead codes."""
        replaces = self.model.config.dead_codes == "replace"
        if replaces and not self.model.warming and epoch <= self._last_replacement:
            self._replace(np.argwhere(self.model.usage.numpy() == 0), epoch)

    def _replace(self, dead: np.ndarray, epoch: int) -> None:
        if not len(dead):
            return
        random = np.random.default_rng([self._seed, 1, epoch])
        chosen = random.integers(len(self._sample), size=len(dead))
        latents = sample_latents(self.model, self._sample[chosen])
        quantizer = self.model.quantizer
        codebooks = quantizer.codebooks.numpy()
        moved = np.concatenate(
            [quantizer.assign(tf.constant(z)).targets for z in _in_parts(latents)]
        )
        codebooks[tuple(dead.T)] = moved[np.arange(len(dead)), dead[:, 0]]
        quantizer.codebooks.assign(codebooks)
        if quantizer.counts is not None:
            counts = quantizer.counts.numpy()
            counts[tuple(dead.T)] = self._batch_size / counts.shape[1]
            quantizer.counts.assign(counts)
