"""k-means from a k-means++ start, by faiss: where codebooks begin, and clusters."""

import numpy as np
import tensorflow as tf

from moc_tf.indexing.nearest_codes import nearest_codes

_BATCH = 4096  # points whose distances are in memory at a time


def kmeans(
    points: np.ndarray, num_centroids: int, seed: int, spherical: bool = False
) -> np.ndarray:
    """Centroids of `points`.

    Args:
      points: float32 [points, D]; repeated points are fine.
      num_centroids: K, at most the number of points.
      seed: of the initial centroids.
      spherical: keep the centroids at unit length, for points of unit length.

    Returns:
      float32 [K, D].

    Raises:
      ValueError: if there are fewer points than centroids.
    """
    import faiss

    if len(points) < num_centroids:
        raise ValueError(
            f"k-means needs at least as many points as centroids. Received: "
            f"{len(points)} points for {num_centroids} centroids."
        )
    search = faiss.Kmeans(
        points.shape[1],
        num_centroids,
        niter=20,
        seed=seed % 2**31,
        spherical=spherical,
        # A random start misses one of four separate clusters every second time.
        init_method=faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS,
        # faiss would otherwise warn about, or sample from, what the caller chose.
        min_points_per_centroid=1,
        max_points_per_centroid=len(points),
    )
    search.train(np.ascontiguousarray(points, np.float32))
    return np.array(search.centroids)


def kmeans_clusters(points: np.ndarray, num_clusters: int, seed: int) -> np.ndarray:
    """The k-means cluster of each point, wherever their mean lies.

    Args:
      points: floats [points, D].
      num_clusters: at most the number of points.
      seed: of the initial centroids.

    Returns:
      int32 [points], in [0, num_clusters).

    Raises:
      ValueError: if there are fewer points than clusters.
    """
    # A common offset would cost the distances digits.
    centred = points - np.mean(points, axis=0, dtype=np.float64)
    points = centred.astype(np.float32)
    centroids = tf.constant(kmeans(points, num_clusters, seed)[np.newaxis])
    batches = (points[i : i + _BATCH] for i in range(0, len(points), _BATCH))
    return np.concatenate(
        [nearest_codes(batch[:, np.newaxis], centroids)[:, 0] for batch in batches]
    )
