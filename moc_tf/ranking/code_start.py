"""Code embeddings that start from the vectors which the codes stand for."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from moc_tf.ranking.embeddings import INITIAL_STDDEV, SemanticIdEmbedding


def start_from_codebooks(
    layer: SemanticIdEmbedding,
    codebooks: Sequence[np.ndarray] | np.ndarray,
    seed: int = 0,
    stddev: float = INITIAL_STDDEV,
) -> None:
    """Sets the tables of `layer` to projections of the codebooks' vectors.

    So codes whose vectors are near start with embeddings that are near. It sets
    weights once, before training; the configuration of the layer knows nothing of it,
    so a saved model needs no codebooks to be loaded. Set `layer.trainable = False`, or
    make the layer with `trainable=False`, to keep the tables as they are.

    The row of -1 becomes zero, the mean of the others. Several tables of a code get
    different rotations, see `projected`.

    Example:
      >>> layer = SemanticIdEmbedding(7, codebook_size=256, embedding_dim=16)
      >>> start_from_codebooks(layer, indexer.codebooks, seed=0)

    Args:
      layer: of N codebooks of K codes; its weight is created if it is not yet there.
      codebooks: float [N, K, D], or N arrays [K, D_n], as of product quantization with
        slices of unequal width. An indexer has them as `codebooks`.
      seed: of the rotations.
      stddev: standard deviation of each table's values, above 0; the default is that
        of a random start. Tables that stay as they are want a larger one, such as 1,
        since nothing makes them grow.

    Raises:
      ValueError: if `layer` has tables of code sequences, the codebooks are not N of K
        finite vectors, or `stddev` is not above 0.
    """
    if not isinstance(layer, SemanticIdEmbedding):
        raise ValueError(
            "Only tables of single codes can start from codebooks, those of "
            "code_embedding='tables'. Received: a layer of class "
            f"{type(layer).__name__}."
        )
    if not stddev > 0:
        raise ValueError(f"stddev must be above 0. Received: {stddev}.")
    arrays = [np.asarray(codebook, np.float64) for codebook in codebooks]
    shapes = [array.shape for array in arrays]
    if len(arrays) != layer.num_codebooks or any(
        len(shape) != 2 or shape[0] != layer.codebook_size or not shape[1]
        for shape in shapes
    ):
        raise ValueError(
            f"Layer {layer.name!r} needs {layer.num_codebooks} codebooks of shape "
            f"[{layer.codebook_size}, D]. Received: shapes {shapes}."
        )
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError(
            "Codebooks must be finite. Received: some with NaN or infinite values."
        )
    if not layer.built:
        layer(tf.fill([1, layer.num_codebooks], -1))
    random = np.random.default_rng(seed)
    unknown = np.zeros((1, layer.embedding_dim))
    rows = []
    for array in arrays:
        for _ in range(layer.tables_per_code):
            table = projected(array, layer.embedding_dim, random)
            # The spread is zero where all codes have one vector.
            spread = np.std(table) or 1.0
            rows += [unknown, table * (stddev / spread)]
    layer.embeddings.assign(np.concatenate(rows))


def projected(
    vectors: np.ndarray, embedding_dim: int, random: np.random.Generator
) -> np.ndarray:
    """Vectors centred and brought to d dimensions, with distances kept if possible.

    Where there are more than d dimensions, only the d principal components are kept;
    where fewer, zeros are added. A random rotation then spreads the variance over all
    d dimensions, of which the first would otherwise have most.

    Args:
      vectors: float [K, D].
      embedding_dim: d.
      random: source of the rotation.

    Returns:
      float64 [K, d].
    """
    left, values, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    components = (left * values)[:, :embedding_dim]
    missing = embedding_dim - components.shape[1]
    # The columns of a Gaussian matrix have no preferred direction.
    rotation, _ = np.linalg.qr(random.normal(size=(embedding_dim, embedding_dim)))
    return np.pad(components, ((0, 0), (0, missing))) @ rotation
