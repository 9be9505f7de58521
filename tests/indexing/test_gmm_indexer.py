import math

import numpy as np
import pytest
import sklearn
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from moc_tf.indexing import make_indexer
from moc_tf.indexing.gmm_indexer import Mixture, most_likely


def fitted(vectors, verbose=0, **options):
    defaults = {"num_codebooks": 2, "codebook_size": 8, "em_iterations": 5}
    return make_indexer("rq_gmm", **{**defaults, **options}).fit(vectors, verbose)


def clusters(rows=400, seed=0):
    """Two clusters in each of two directions, of small noise."""
    random = np.random.default_rng(seed)
    signs = random.integers(2, size=(rows, 2))
    vectors = signs * [8.0, 1.0] + 0.05 * random.normal(size=(rows, 2))
    return vectors.astype(np.float32), signs


def mixture_of(means, variances, weights):
    return Mixture(
        np.array(means, np.float32),
        np.array(variances, np.float32),
        np.log(np.array(weights, np.float32)),
    )


def test_variances_and_weights_decide_not_the_distance_alone():
    points = tf.constant([[2.0], [-0.5], [0.5]])
    narrow_and_wide = mixture_of([[0.0], [5.0]], [[0.1], [100.0]], [0.5, 0.5])
    # 2 is nearer to 0, but twenty of that component's variances away.
    assert most_likely(points, narrow_and_wide).numpy().tolist() == [1, 0, 0]
    frequent_and_rare = mixture_of([[1.0], [0.0]], [[1.0], [1.0]], [0.99, 0.01])
    assert most_likely(points, frequent_and_rare).numpy().tolist() == [0, 0, 0]
    even = mixture_of([[1.0], [0.0]], [[1.0], [1.0]], [0.5, 0.5])
    # The last is a tie, which goes to the lowest.
    assert most_likely(points, even).numpy().tolist() == [0, 1, 0]


def test_posteriors_are_those_of_scipy():
    random = np.random.default_rng(0)
    means, points = random.normal(size=(5, 3)), random.normal(size=(200, 3))
    variances, weights = random.uniform(0.2, 3, (5, 3)), random.dirichlet(np.ones(5))
    densities = [
        math.log(w) + multivariate_normal(m, np.diag(v)).logpdf(points)
        for w, m, v in zip(weights, means, variances, strict=True)
    ]
    chosen = most_likely(
        tf.constant(points, tf.float32), mixture_of(means, variances, weights)
    )
    np.testing.assert_array_equal(chosen, np.argmax(densities, axis=0))


def test_components_are_those_that_scikit_learn_predicts():
    points = np.random.default_rng(0).normal(size=(500, 6)).astype(np.float32)
    theirs = GaussianMixture(8, covariance_type="diag", random_state=0).fit(points)
    ours = mixture_of(theirs.means_, theirs.covariances_, theirs.weights_)
    np.testing.assert_array_equal(
        most_likely(tf.constant(points), ours), theirs.predict(points)
    )


def test_a_level_is_the_mixture_that_scikit_learn_ends_with():
    vectors, signs = clusters()
    indexer = fitted(vectors, num_codebooks=1, codebook_size=4, variance_floor=1e-6)
    arrays = indexer._arrays()
    means = arrays["means"][0] * arrays["scale"] + arrays["mean"]
    order = np.lexsort(np.round(means).T[::-1])
    np.testing.assert_allclose(
        means[order], [[0, 0], [0, 1], [8, 0], [8, 1]], atol=0.02
    )
    deviations = np.sqrt(arrays["variances"][0]) * arrays["scale"]
    np.testing.assert_allclose(deviations, 0.05, rtol=0.2)
    shares = np.bincount(signs @ [2, 1]) / len(signs)
    np.testing.assert_allclose(np.exp(arrays["log_weights"][0])[order], shares, 1e-3)


def test_each_level_codes_what_is_left():
    vectors, signs = clusters()
    indexer = fitted(vectors, num_codebooks=2, codebook_size=2)
    codes = indexer.encode(vectors)
    for level in range(2):  # the large step first, the small one then
        same = codes[:, level] == signs[:, level]
        assert same.all() or not same.any()
    decoded = indexer.decode(codes)
    np.testing.assert_allclose(decoded, signs * [8.0, 1.0], atol=0.02)


def test_the_floor_is_relative_to_the_residuals():
    vectors, _ = clusters()
    for factor in (1e-3, 1e3):
        indexer = fitted(vectors * np.float32(factor), variance_floor=0.5)
        variances = indexer._arrays()["variances"]
        for level in range(2):
            # Nearly all variance lies between the components, so the floor remains.
            assert variances[level].min() > 0
        assert variances[0].min() == pytest.approx(0.5, rel=0.05)
        assert variances[1].max() < 0.05


@pytest.mark.parametrize("factor", [1e-10, 1e15])
def test_the_unit_of_the_vectors_is_no_matter(factor):
    vectors = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    expected = fitted(vectors).quality(vectors).relative_error
    scaled = vectors * np.float32(factor)
    error = fitted(scaled).quality(scaled).relative_error
    assert error == pytest.approx(expected, rel=0.05)


@settings(max_examples=5, deadline=None)
@given(
    rows=st.integers(8, 60),
    dim=st.integers(1, 6),
    distinct=st.integers(1, 60),
    seed=st.integers(0, 2**33),
)
def test_repeated_vectors_can_be_fitted(rows, dim, distinct, seed):
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(rows, dim)).astype(np.float32)
    vectors = vectors[np.arange(rows) % distinct]
    indexer = fitted(vectors, seed=seed)
    decoded = indexer.decode(indexer.encode(vectors))
    assert np.isfinite(decoded).all()
    if distinct == 1:
        np.testing.assert_allclose(decoded, vectors, rtol=1e-4, atol=1e-5)


def test_an_item_far_from_all_others_can_be_fitted():
    vectors = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    vectors[0] *= 1e4
    decoded = fitted(vectors).decode(fitted(vectors).encode(vectors))
    np.testing.assert_allclose(decoded[0], vectors[0], rtol=1e-3)


def test_a_progress_line_is_printed_for_each_level(capsys):
    vectors, _ = clusters()
    fitted(vectors)
    assert capsys.readouterr().out == ""
    fitted(vectors, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["Level 1", "Level 2"]
    first, second = (float(line.split()[-1]) for line in lines)
    assert 1 > first > second


@pytest.mark.parametrize("bad", [0, -0.1, math.nan, math.inf, "small"])
def test_the_variance_floor_is_above_zero(bad):
    with pytest.raises(
        ValueError, match=r"^variance_floor must be a finite number above 0\. Received"
    ):
        make_indexer("rq_gmm", variance_floor=bad)


def test_codebooks_may_have_any_size():
    vectors = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    codes = fitted(vectors, codebook_size=5).encode(vectors)
    assert np.unique(codes[:, 0]).tolist() == [0, 1, 2, 3, 4]


def test_its_description_tells_the_release_that_fitted_the_mixtures():
    versions = make_indexer("rq_gmm").describe()["versions"]
    assert versions["scikit-learn"] == sklearn.__version__
    assert "scikit-learn" not in make_indexer("rq_kmeans").describe()["versions"]
