"""`rq_gmm`: residual levels of Gaussian mixtures, by scikit-learn."""

import dataclasses
import warnings
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from moc_tf.indexing.fixed_chunks import in_chunks
from moc_tf.indexing.kmeans import kmeans
from moc_tf.indexing.methods import register_indexer
from moc_tf.indexing.nearest_codes import nearest_codes
from moc_tf.indexing.option_checks import is_weight, require, require_integers
from moc_tf.indexing.residual_levels import greedy_codes, sum_of_levels
from moc_tf.indexing.sampled_indexer import SampledConfig, SampledIndexer


@dataclasses.dataclass(frozen=True)
class ResidualMixtureConfig(SampledConfig):
    """Settings of `rq_gmm`.

    Attributes:
      num_codebooks: N, levels, each with a code of the item.
      codebook_size: K, components of a level's mixture; fit on at least so many items.
      training_items: at most so many items, drawn at random, are learned from; None
        for 256 K, as many as faiss' k-means takes.
      seed: of this sample and of k-means.
      em_iterations: rounds of expectation and maximisation of a level, at most.
      variance_floor: added to each component's variances, relative to the mean variance
        of the level's residuals, for components with few items, of which these
        variances would otherwise be too small or none.
    """

    em_iterations: int = 20
    variance_floor: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integers(self, em_iterations=1)
        require(
            self,
            "variance_floor",
            is_weight(self.variance_floor) and self.variance_floor > 0,
            "a finite number above 0",
        )


class Mixture(NamedTuple):
    """Gaussians with diagonal covariances, [K, ...], or several such, [N, K, ...].

    Attributes:
      means: m, float32 [K, X].
      variances: v, float32 [K, X].
      log_weights: log w, float32 [K].
    """

    means: Any
    variances: Any
    log_weights: Any


@register_indexer("rq_gmm")
class ResidualMixtureIndexer(SampledIndexer):
    """Residual quantization by Gaussian mixtures with diagonal covariances.

    Each level is a mixture that is fitted to the residuals r_n by expectation
    maximisation, which lets every item take part in several components, from a start
    by k-means. A vector gets the component with the largest posterior, whose mean is
    taken off it:

        c_n = argmax_k log w_nk + log N(r_n; m_nk, diag v_nk)
        r_{n+1} = r_n - m_n[c_n],   r_1 = x
    """

    config_class = ResidualMixtureConfig
    packages = (*SampledIndexer.packages, "scikit-learn")
    config: ResidualMixtureConfig
    _code_vectors = "means"

    def _shapes(self, input_dim: int) -> dict[str, tuple[int, ...]]:
        shape = (self.codes_per_item, self.codebook_size)
        return {
            "means": (*shape, input_dim),
            "variances": (*shape, input_dim),
            "log_weights": shape,
        }

    def _learn(self, sample: np.ndarray, verbose: int) -> dict[str, np.ndarray]:
        residuals, levels = sample, []
        for level in range(1, self.codes_per_item + 1):
            mixture = _fit_mixture(residuals, self.config)
            codes = in_chunks(partial(most_likely, mixture=mixture), residuals)
            residuals = residuals - mixture.means[codes]
            levels.append(mixture)
            if verbose:
                # Of the sample it is one.
                left = np.mean(np.square(residuals))
                print(f"Level {level}: mean square left {left:.4f}", flush=True)
        stacked = Mixture(*map(np.stack, zip(*levels, strict=True)))
        return stacked._asdict()

    def _choose(self, vectors: tf.Tensor) -> tf.Tensor:
        mixtures = [self._state[name] for name in Mixture._fields]

        def choose(level: int, residuals: tf.Tensor) -> tf.Tensor:
            return most_likely(residuals, Mixture(*(each[level] for each in mixtures)))

        return greedy_codes(vectors, self._state["means"], choose)

    def _look_up(self, codes: tf.Tensor) -> tf.Tensor:
        return sum_of_levels(codes, self._state["means"])


def most_likely(points: tf.Tensor, mixture: Mixture) -> tf.Tensor:
    """Component of `mixture` with the largest posterior, ties to the lowest.

    Args:
      points: x, float32 [points, X].
      mixture: of K components.

    Returns:
      argmax_k log w_k - ½ sum_j ( log v_kj + (x_j - m_kj)² / v_kj ), int32 [points].
    """
    means, variances, log_weights = mixture
    precisions = 1.0 / variances
    linear = means * precisions
    squares = tf.matmul(tf.square(points), precisions, transpose_b=True)
    products = tf.matmul(points, linear, transpose_b=True)
    constants = tf.reduce_sum(tf.math.log(variances) + means * linear, axis=1)
    scores = log_weights - 0.5 * (constants + squares) + products
    return tf.argmax(scores, axis=1, output_type=tf.int32)


def _fit_mixture(points: np.ndarray, config: ResidualMixtureConfig) -> Mixture:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    size = config.codebook_size
    centroids = kmeans(points, size, config.seed)
    nearest = in_chunks(
        lambda rows: nearest_codes(rows[:, tf.newaxis, :], centroids[np.newaxis]),
        points,
    )[:, 0]
    counts = np.bincount(nearest, minlength=size)
    # Where all residuals are zero, any floor will do.
    floor = config.variance_floor * max(float(np.mean(np.square(points))), 1e-12)
    within = np.mean(np.square(points - centroids[nearest]), axis=0) + floor
    weights = (counts + 1.0) / (len(points) + size)
    # All in float32, or scikit-learn would compute in float64, at twice the time.
    mixture = GaussianMixture(
        size,
        covariance_type="diag",
        reg_covar=floor,
        max_iter=config.em_iterations,
        weights_init=weights.astype(np.float32),
        means_init=centroids,
        precisions_init=np.tile(1.0 / within, (size, 1)).astype(np.float32),
        random_state=config.seed % 2**32,
    )
    with warnings.catch_warnings():
        # The number of rounds is what the caller chose.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(points)
    fitted = (mixture.means_, mixture.covariances_, np.log(mixture.weights_))
    return Mixture(*(array.astype(np.float32) for array in fitted))
