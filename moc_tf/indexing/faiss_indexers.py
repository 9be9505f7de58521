"""`pq`, `opq` and `rq_kmeans`: quantizers of the vectors themselves, by faiss.

faiss learns the centroids. The codes are chosen by the formula that every quantizer
of this package shares, so that they need no faiss once the centroids are there.
"""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf.indexing.methods import register_indexer
from moc_tf.indexing.nearest_codes import nearest_codes
from moc_tf.indexing.option_checks import is_integer, require, require_integers
from moc_tf.indexing.residual_levels import greedy_codes, sum_of_levels
from moc_tf.indexing.sampled_indexer import SampledConfig, SampledIndexer


@dataclasses.dataclass(frozen=True)
class ProductConfig(SampledConfig):
    """Settings of `pq`.

    Attributes:
      num_codebooks: N, codes of an item; at most the dimensions X of a vector.
      codebook_size: K, codes in a codebook, a power of two; fit on at least so many
        items.
      training_items: at most so many items, drawn at random, are learned from; None
        for 256 K, as many as faiss' k-means takes.
      seed: of this sample and of k-means.
      kmeans_iterations: of each codebook's k-means.
    """

    kmeans_iterations: int = 25

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integers(self, kmeans_iterations=1)
        _require_power_of_two(self)


@dataclasses.dataclass(frozen=True)
class OptimizedProductConfig(ProductConfig):
    """Settings of `opq`.

    Attributes:
      num_codebooks: N, codes of an item; at most the dimensions X of a vector.
      codebook_size: K, codes in a codebook, a power of two; fit on at least so many
        items.
      training_items: at most so many items, drawn at random, are learned from; None
        for 256 K, as many as faiss' k-means takes.
      seed: of this sample and of k-means.
      kmeans_iterations: of each codebook's k-means, after the rotation is learned.
      rotation_iterations: rounds in which the rotation is fitted to the codes and the
        codes to the rotation.
      rotation_items: of the items that are learned from, at most so many are for the
        rotation, which takes most of the time; None for all. The codebooks learn from
        all.
    """

    rotation_iterations: int = 50
    rotation_items: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integers(self, rotation_iterations=1)
        require(
            self,
            "rotation_items",
            self.rotation_items is None
            or is_integer(self.rotation_items, self.codebook_size),
            f"None or an integer of at least codebook_size, {self.codebook_size}",
        )


@dataclasses.dataclass(frozen=True)
class ResidualKMeansConfig(SampledConfig):
    """Settings of `rq_kmeans`.

    Attributes:
      num_codebooks: N, levels, each with a code of the item.
      codebook_size: K, codes in a codebook, a power of two; fit on at least so many
        items.
      training_items: at most so many items, drawn at random, are learned from; None
        for 256 K, as many as faiss' k-means takes.
      seed: of this sample and of k-means.
      kmeans_iterations: of k-means in each of the ten spaces, from few principal
        components to all of them, through which faiss takes a level's centroids.
    """

    kmeans_iterations: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integers(self, kmeans_iterations=1)
        _require_power_of_two(self)


@register_indexer("pq")
class ProductIndexer(SampledIndexer):
    """Product quantization: a codebook for each of N slices of a vector.

    The X dimensions are split as evenly as can be. Where N does not divide them, the
    shorter slices get a column of zeros, which decoding cuts off again.

    Source: Jégou et al., "Product Quantization for Nearest Neighbor Search", TPAMI
    2011.
    """

    config_class = ProductConfig
    config: ProductConfig

    def _learn(self, sample: np.ndarray, verbose: int) -> dict[str, np.ndarray]:
        columns = self._padded(tf.constant(sample)).numpy()
        return {"codebooks": self._learn_codebooks(columns, verbose)}

    def _shapes(self, input_dim: int) -> dict[str, tuple[int, ...]]:
        return {"codebooks": (*self._codes_shape, self._slice_dim(input_dim))}

    def _choose(self, vectors: tf.Tensor) -> tf.Tensor:
        codebooks = self._state["codebooks"]
        shape = [-1, self.codes_per_item, codebooks.shape[2]]
        slices = tf.reshape(self._rotated(self._padded(vectors)), shape)
        return nearest_codes(slices, codebooks)

    def _look_up(self, codes: tf.Tensor) -> tf.Tensor:
        codebooks, input_dim = self._state["codebooks"], self._state["mean"].shape[0]
        rows = tf.gather(codebooks, tf.transpose(codes), batch_dims=1)
        width = self.codes_per_item * codebooks.shape[2]
        slices = tf.reshape(tf.transpose(rows, [1, 0, 2]), [-1, width])
        return tf.gather(self._rotated_back(slices), self._places(input_dim), axis=1)

    def _rotated(self, columns: tf.Tensor) -> tf.Tensor:
        return columns

    def _rotated_back(self, columns: tf.Tensor) -> tf.Tensor:
        return columns

    def _learn_codebooks(self, columns: np.ndarray, verbose: int) -> np.ndarray:
        import faiss

        quantizer = self._quantizer(columns, verbose)
        quantizer.train(columns)
        centroids = faiss.vector_to_array(quantizer.centroids)
        return centroids.reshape(*self._codes_shape, -1)

    def _quantizer(self, columns: np.ndarray, verbose: int) -> Any:
        import faiss

        bits = _bits(self.codebook_size)
        quantizer = faiss.ProductQuantizer(columns.shape[1], self.codes_per_item, bits)
        quantizer.verbose = verbose > 0
        _set_clustering(quantizer.cp, self.config, len(columns))
        return quantizer

    def _padded(self, vectors: tf.Tensor) -> tf.Tensor:
        """Slices next to each other, [rows, N d], of vectors [rows, X]."""
        input_dim = vectors.shape[1]
        if input_dim < self.codes_per_item:
            raise ValueError(
                f"Method {self.method!r} gives each codebook dimensions of its own, so "
                "num_codebooks must be at most the dimensions of a vector, "
                f"{input_dim}. Received: num_codebooks={self.codes_per_item}."
            )
        width = self.codes_per_item * self._slice_dim(input_dim)
        sources = np.full(width, input_dim)  # the column of zeros
        sources[self._places(input_dim)] = np.arange(input_dim)
        return tf.gather(tf.pad(vectors, [[0, 0], [0, 1]]), sources, axis=1)

    def _places(self, input_dim: int) -> np.ndarray:
        """Where the X dimensions are among the columns of the slices."""
        slices = np.array_split(np.arange(input_dim), self.codes_per_item)
        dim = self._slice_dim(input_dim)
        return np.concatenate(
            [n * dim + np.arange(len(s)) for n, s in enumerate(slices)]
        )

    def _slice_dim(self, input_dim: int) -> int:
        return -(-input_dim // self.codes_per_item)

    @property
    def _codes_shape(self) -> tuple[int, int]:
        return self.codes_per_item, self.codebook_size


@register_indexer("opq")
class OptimizedProductIndexer(ProductIndexer):
    """Product quantization after the rotation that suits it best.

    Zeros and slices are those of `ProductIndexer`; the rotation mixes all columns.

    Source: Ge et al., "Optimized Product Quantization", TPAMI 2014.
    """

    config_class = OptimizedProductConfig
    config: OptimizedProductConfig

    def _shapes(self, input_dim: int) -> dict[str, tuple[int, ...]]:
        width = self.codes_per_item * self._slice_dim(input_dim)
        return {"rotation": (width, width), **super()._shapes(input_dim)}

    def _learn(self, sample: np.ndarray, verbose: int) -> dict[str, np.ndarray]:
        import faiss

        columns = self._padded(tf.constant(sample)).numpy()
        rows = columns[self._rotation_rows(len(columns))]
        # Of fewer rows than columns faiss writes beyond its memory. The best rotation
        # of all rows taken twice is that of the rows.
        rows = np.tile(rows, (-(-columns.shape[1] // len(rows)), 1))
        matrix = faiss.OPQMatrix(columns.shape[1], self.codes_per_item)
        # Its own would have 256 codes. faiss keeps a pointer, so the name is needed.
        quantizer = self._quantizer(rows, verbose)
        matrix.pq = quantizer
        matrix.niter = self.config.rotation_iterations
        matrix.max_train_points = len(rows)
        matrix.verbose = verbose > 0
        matrix.train(rows)
        rotation = faiss.vector_to_array(matrix.A)
        return {
            "rotation": rotation.reshape(matrix.d_out, matrix.d_in),
            "codebooks": self._learn_codebooks(matrix.apply(columns), verbose),
        }

    def _rotation_rows(self, rows: int) -> np.ndarray | slice:
        """Those that the rotation learns from, at random."""
        wanted = self.config.rotation_items
        if wanted is None or wanted >= rows:
            return slice(None)
        random = np.random.default_rng(self.config.seed)
        return np.sort(random.choice(rows, wanted, replace=False))

    def _rotated(self, columns: tf.Tensor) -> tf.Tensor:
        return tf.matmul(columns, self._state["rotation"], transpose_b=True)

    def _rotated_back(self, columns: tf.Tensor) -> tf.Tensor:
        return tf.matmul(columns, self._state["rotation"])


@register_indexer("rq_kmeans")
class ResidualKMeansIndexer(SampledIndexer):
    """Residual quantization: N levels of k-means, each on what is left of the vectors.

    Vectors are coded greedily, as the levels are learned; faiss' own default keeps
    several candidates, which no embedding table could follow.

    Source: Chen et al., "Approximate Nearest Neighbor Search by Residual Vector
    Quantization", Sensors 2010.
    """

    config_class = ResidualKMeansConfig
    config: ResidualKMeansConfig

    def _shapes(self, input_dim: int) -> dict[str, tuple[int, ...]]:
        return {"codebooks": (self.codes_per_item, self.codebook_size, input_dim)}

    def _learn(self, sample: np.ndarray, verbose: int) -> dict[str, np.ndarray]:
        import faiss

        bits = _bits(self.codebook_size)
        quantizer = faiss.ResidualQuantizer(sample.shape[1], self.codes_per_item, bits)
        quantizer.max_beam_size = 1
        # The tables are of use in a wider search alone, and have (N K)² entries.
        quantizer.train_type |= faiss.ResidualQuantizer.Skip_codebook_tables
        quantizer.verbose = verbose > 0
        _set_clustering(quantizer.cp, self.config, len(sample))
        # faiss finds no more principal components than there are items.
        quantizer.cp.apply_pca = len(sample) >= sample.shape[1]
        quantizer.train(sample)
        codebooks = faiss.vector_to_array(quantizer.codebooks)
        (shape,) = self._shapes(sample.shape[1]).values()
        return {"codebooks": codebooks.reshape(shape)}

    def _choose(self, vectors: tf.Tensor) -> tf.Tensor:
        codebooks = self._state["codebooks"]

        def nearest(level: int, residuals: tf.Tensor) -> tf.Tensor:
            codebook = codebooks[level : level + 1]
            return nearest_codes(residuals[:, tf.newaxis, :], codebook)[:, 0]

        return greedy_codes(vectors, codebooks, nearest)

    def _look_up(self, codes: tf.Tensor) -> tf.Tensor:
        return sum_of_levels(codes, self._state["codebooks"])


def _set_clustering(
    parameters: Any,
    config: ProductConfig | ResidualKMeansConfig,
    num_points: int,
) -> None:
    parameters.niter = config.kmeans_iterations
    parameters.seed = config.seed % 2**31
    # faiss would otherwise warn about, or sample from, what the caller chose.
    parameters.min_points_per_centroid = 1
    parameters.max_points_per_centroid = num_points


def _bits(codebook_size: int) -> int:
    return int(codebook_size).bit_length() - 1


def _require_power_of_two(config: SampledConfig) -> None:
    size = int(config.codebook_size)
    require(config, "codebook_size", size & (size - 1) == 0, "a power of two")
