import numpy as np
import pytest

from moc_tf.indexing.kmeans import kmeans, kmeans_clusters


def clusters(seed=0):
    """Four clusters of 25 points at the corners of a square of side 100."""
    corners = np.array([[0, 0], [0, 100], [100, 0], [100, 100]])
    noise = np.random.default_rng(seed).normal(size=(4, 25, 2))
    return (corners[:, np.newaxis] + noise).astype(np.float32)


def in_order(centroids):
    return centroids[np.lexsort(np.round(centroids).T[::-1])]


@pytest.mark.parametrize("seed", range(10))
def test_separated_clusters_have_their_means_as_centroids(seed):
    grouped = clusters()
    points = np.random.default_rng(1).permutation(grouped.reshape(-1, 2))
    centroids = kmeans(points, 4, seed=seed)
    assert centroids.dtype == np.float32
    np.testing.assert_allclose(in_order(centroids), grouped.mean(axis=1), atol=1e-4)


def test_equal_seeds_give_equal_centroids_and_others_do_not():
    points = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    centroids = kmeans(points, 16, seed=3)
    np.testing.assert_array_equal(kmeans(points, 16, seed=3), centroids)
    assert (kmeans(points, 16, seed=4) != centroids).any()


def test_no_point_is_left_out_however_many_there_are():
    # With its defaults faiss looks at 256 points a centroid.
    points = np.random.default_rng(0).normal(size=(5_000, 2)).astype(np.float32)
    np.testing.assert_allclose(kmeans(points, 1, seed=0)[0], points.mean(0), atol=1e-4)


def test_as_many_points_as_centroids_are_their_own_centroids():
    points = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    centroids = kmeans(points, 6, seed=0)
    np.testing.assert_allclose(
        centroids[np.argsort(centroids[:, 0])], points[np.argsort(points[:, 0])]
    )


def test_fewer_points_than_centroids_raise():
    with pytest.raises(ValueError, match="3 points for 4 centroids"):
        kmeans(np.zeros([3, 2], np.float32), 4, seed=0)


def test_repeated_points_alone_give_centroids_at_them():
    points = np.tile(np.float32([[1, -2]]), (20, 1))
    np.testing.assert_allclose(
        kmeans(points, 4, seed=0), np.tile([[1, -2]], (4, 1)), rtol=1e-2
    )


def test_points_of_any_memory_layout_give_the_same_centroids():
    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    np.testing.assert_array_equal(
        kmeans(np.asfortranarray(points), 5, seed=0), kmeans(points, 5, seed=0)
    )


def test_a_seed_may_exceed_32_bits():
    assert np.isfinite(kmeans(clusters().reshape(-1, 2), 4, seed=2**40 + 5)).all()


def test_clusters_are_those_of_the_nearest_centroid(monkeypatch):
    monkeypatch.setattr("moc_tf.indexing.kmeans._BATCH", 7)
    points = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float16)
    found = kmeans_clusters(points, 5, seed=3)
    centroids = kmeans(points.astype(np.float32), 5, seed=3)
    distances = np.square(points[:, np.newaxis] - centroids).sum(axis=-1)
    np.testing.assert_array_equal(found, distances.argmin(axis=1))
    np.testing.assert_array_equal(kmeans_clusters(points, 5, seed=3), found)
    with pytest.raises(ValueError, match="40 points for 41 centroids"):
        kmeans_clusters(points, 41, seed=3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clusters_do_not_depend_on_what_all_points_have_in_common(dtype):
    random = np.random.default_rng(0)
    points = random.normal(size=(5, 8))[np.arange(200) % 5]
    points = points + 0.05 * random.normal(size=(200, 8))
    # On a grid that float32 keeps at the offset.
    points = (np.round(points * 64) / 64).astype(dtype)
    np.testing.assert_array_equal(
        kmeans_clusters(points + dtype(2**17), 5, seed=0),
        kmeans_clusters(points, 5, seed=0),
    )
