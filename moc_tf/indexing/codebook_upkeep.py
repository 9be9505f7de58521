"""What keeps codebooks alive: the k-means start and the replacement of dead codes."""

from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.indexing.autoencoder import CodeAutoencoder
from moc_tf.indexing.kmeans import kmeans
from moc_tf.indexing.quality import perplexity


def start_codebooks(model: CodeAutoencoder, sample: np.ndarray, seed: int) -> None:
    """Sets each codebook to the k-means centroids of its latents of `sample`.

    Args:
      model: the autoencoder, changed in place.
      sample: vectors [rows, X], at least K.
      seed: of k-means; codebook n uses seed + n, so that codebooks of a shared
        latent start apart.
    """
    latents = sample_latents(model, sample)
    size = model.config.codebook_size
    centroids = [kmeans(latents[:, n], size, seed + n) for n in range(latents.shape[1])]
    model.quantizer.codebooks.assign(np.stack(centroids))


def sample_latents(model: CodeAutoencoder, sample: np.ndarray) -> np.ndarray:
    """Latents, float32 [rows, N, D], of vectors [rows, X]."""
    return model.latents(model.normalise(tf.constant(sample))).numpy()


class CodebookUpkeep(keras.callbacks.Callback):
    """Logs usage and perplexity each epoch, and replaces codes that nothing chose.

    A dead code moves onto the latent of a random vector. The last two epochs replace
    nothing, so that every code has been trained where it ends.

    Args:
      sample: vectors [rows, X] to draw replacements from.
      epochs: of the training.
      seed: of the draws.
    """

    def __init__(self, sample: np.ndarray, epochs: int, seed: int):
        super().__init__()
        self._sample = sample
        self._last_replacement = epochs - 3
        self._random = np.random.default_rng([seed, 1])

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Starts counting anew."""
        self.model.usage.assign(tf.zeros_like(self.model.usage))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds `usage` and `perplexity` to the logs and replaces dead codes."""
        counts = self.model.usage.numpy()
        if logs is not None:
            logs["usage"] = float(np.mean(counts > 0))
            logs["perplexity"] = float(np.mean(perplexity(counts)))
        if epoch <= self._last_replacement:
            self._replace(np.argwhere(counts == 0))

    def _replace(self, dead: np.ndarray) -> None:
        if not len(dead):
            return
        chosen = self._random.integers(len(self._sample), size=len(dead))
        latents = sample_latents(self.model, self._sample[chosen])
        codebooks = self.model.quantizer.codebooks
        codebooks.scatter_nd_update(dead, latents[np.arange(len(dead)), dead[:, 0]])
