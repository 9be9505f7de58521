import dataclasses

import numpy as np
import pytest
from scipy.stats import chisquare
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from moc_tf.data.planted import PlantedConfig, make_planted

SMALL = PlantedConfig(
    num_items=200, num_users=50, num_interactions=2_000, num_factors=6, num_values=4
)


def one_hot(codes, size):
    """[rows, N] codes as [rows, N * size] of 0 and 1."""
    return np.eye(size)[codes].reshape(len(codes), -1)


def log_columns(benchmark):
    """Rows of users, items and clicks, each [rows]."""
    log = benchmark.interactions
    users = np.unique(log.user_ids, return_inverse=True)[1]
    items = benchmark.catalogue.rows(log.item_ids)
    return users, items, log.ratings > 3


def fitted_logits(features, clicked):
    """Logits of a maximum-likelihood fit."""
    model = LogisticRegression(C=1e4, max_iter=2_000).fit(features, clicked)
    return model.decision_function(features)


class TestReproducibility:
    def test_equal_settings_give_equal_data(self):
        first, second = make_planted(SMALL), make_planted(SMALL)
        for a, b in zip(
            dataclasses.astuple(first.interactions),
            dataclasses.astuple(second.interactions),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(first.vectors.vectors, second.vectors.vectors)
        assert first.true_factors == second.true_factors

    def test_another_seed_gives_other_data(self):
        first = make_planted(SMALL)
        second = make_planted(dataclasses.replace(SMALL, seed=1))
        assert (first.vectors.vectors != second.vectors.vectors).all()
        assert (first.true_factors.codes != second.true_factors.codes).any()
        assert (first.interactions.item_ids != second.interactions.item_ids).any()

    def test_the_manifest_holds_the_settings(self):
        manifest = make_planted(SMALL).true_factors.manifest
        assert manifest.pop("method") == "true_factors"
        assert PlantedConfig(**manifest) == SMALL


def test_sizes_and_identifiers():
    benchmark = make_planted(SMALL)
    log = benchmark.interactions
    assert len(log) == 2_000
    assert len(np.unique(log.user_ids)) == 50
    assert len(benchmark.catalogue) == 200
    assert benchmark.vectors.vectors.shape == (200, 64)
    assert benchmark.vectors.vectors.dtype == np.float32
    assert benchmark.true_factors.codes.shape == (200, 6)
    assert benchmark.true_factors.codebook_size == 4
    ids = benchmark.catalogue.item_ids.tolist()
    assert ids == benchmark.vectors.item_ids.tolist()
    assert ids == benchmark.true_factors.item_ids.tolist()
    assert set(log.ratings.tolist()) == {1.0, 5.0}
    assert (np.diff(log.timestamps) >= 0).all()


def test_factors_are_uniform_and_independent():
    codes = make_planted(dataclasses.replace(SMALL, num_items=5_000)).true_factors.codes
    for factor in codes.T:
        assert chisquare(np.bincount(factor, minlength=4)).pvalue > 1e-3
    for a in range(6):
        for b in range(a):
            pairs = np.bincount(4 * codes[:, a] + codes[:, b], minlength=16)
            assert chisquare(pairs).pvalue > 1e-3


class TestVectors:
    @pytest.mark.parametrize("noise", [0.0, 0.3, 2.0])
    def test_factors_explain_all_but_the_noise(self, noise):
        config = dataclasses.replace(SMALL, num_items=2_000, noise=noise)
        benchmark = make_planted(config)
        factors = one_hot(benchmark.true_factors.codes, config.num_values)
        vectors = benchmark.vectors.vectors.astype(np.float64)
        solution, _, rank, _ = np.linalg.lstsq(factors, vectors, rcond=None)
        residual = ((vectors - factors @ solution) ** 2).sum()
        degrees = (config.num_items - rank) * config.vector_dim
        # A sum of F unit normal directions has variance F.
        expected = noise**2 * config.num_factors
        np.testing.assert_allclose(residual / degrees, expected, rtol=0.02, atol=1e-9)

    def test_the_signal_has_unit_variance_a_factor(self):
        config = dataclasses.replace(SMALL, vector_dim=4_000, noise=0.0)
        vectors = make_planted(config).vectors.vectors
        np.testing.assert_allclose((vectors**2).mean(), config.num_factors, rtol=0.05)


class TestClicks:
    LOG = PlantedConfig(
        num_items=1_000,
        num_users=40,
        num_interactions=60_000,
        num_factors=6,
        late_items=0.0,
    )

    def test_without_preferences_they_are_coin_tosses(self):
        config = dataclasses.replace(self.LOG, affinity=0.0, appeal=0.0)
        _, items, clicked = log_columns(make_planted(config))
        assert abs(clicked.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(clicked))
        clicks = np.bincount(items[clicked], minlength=1_000)
        shown = np.bincount(items, minlength=1_000)
        deviations = (clicks - shown / 2) / np.sqrt(shown / 4)
        assert 0.9 < deviations.std() < 1.1

    @pytest.mark.parametrize("appeal", [0.5, 1.5])
    def test_appeal_is_additive_in_the_factors(self, appeal):
        # Many values a factor, so that the drawn appeals spread as their law does.
        config = dataclasses.replace(
            self.LOG, num_values=40, affinity=0.0, appeal=appeal
        )
        benchmark = make_planted(config)
        _, items, clicked = log_columns(benchmark)
        factors = one_hot(benchmark.true_factors.codes, config.num_values)
        logits = fitted_logits(factors[items], clicked)
        assert 0.85 * appeal < logits.std() < 1.15 * appeal
        # The factors say all there is: items deviate from it by chance alone.
        rates = 1 / (1 + np.exp(-logits))
        surprise = np.bincount(items, clicked - rates, minlength=1_000)
        spread = np.sqrt(np.bincount(items, rates * (1 - rates), minlength=1_000))
        assert 0.8 < (surprise / spread).std() < 1.1

    def test_affinity_is_of_low_rank_and_of_its_size(self):
        config = dataclasses.replace(
            self.LOG, num_factors=2, num_values=5, taste_dim=3, affinity=2.0, appeal=0.0
        )
        users, items, clicked = log_columns(benchmark := make_planted(config))
        factors = one_hot(benchmark.true_factors.codes, config.num_values)
        logits = np.stack(
            [
                LogisticRegression(C=10.0, max_iter=500)
                .fit(factors[items[users == user]], clicked[users == user])
                .decision_function(factors)
                for user in range(config.num_users)
            ]
        )
        strength = np.linalg.svd(logits, compute_uv=False)
        assert strength[2] > 2 * strength[3]
        assert 1.5 < logits.std() < 2.5
        # Users differ, and agree on no item.
        assert abs(logits.mean()) < 0.2
        assert logits.mean(axis=0).std() < 0.5 * logits.std()

    def test_more_factors_predict_better(self):
        config = dataclasses.replace(
            self.LOG, num_factors=4, num_values=16, affinity=0.0, appeal=1.5
        )
        _, items, clicked = log_columns(benchmark := make_planted(config))
        codes = benchmark.true_factors.codes
        auc = [0.5]
        for known in (1, 2, 3, 4):
            factors = one_hot(codes[:, :known], config.num_values)
            auc.append(roc_auc_score(clicked, fitted_logits(factors[items], clicked)))
        assert (np.diff(auc) > 0.02).all()


class TestLateItems:
    @staticmethod
    def seen_by(benchmark, share_of_time):
        """Share of the items that occur in the first part of the log."""
        log = benchmark.interactions
        rows = log.timestamps < share_of_time * 10_000_000
        return len(np.unique(log.item_ids[rows])) / len(benchmark.catalogue)

    @pytest.mark.parametrize("late_items", [0.0, 0.5, 1.0])
    def test_they_enter_evenly(self, late_items):
        config = PlantedConfig(
            num_items=1_000, num_interactions=200_000, late_items=late_items
        )
        benchmark = make_planted(config)
        for time in (0.1, 0.4, 0.7, 1.0):
            expected = 1 - late_items * (1 - time)
            assert abs(self.seen_by(benchmark, time) - expected) < 0.05

    def test_all_items_of_a_moment_are_shown_alike(self):
        config = PlantedConfig(num_items=200, num_interactions=40_000, late_items=0.0)
        users, items, _ = log_columns(make_planted(config))
        assert chisquare(np.bincount(items)).pvalue > 1e-3
        assert chisquare(np.bincount(users)).pvalue > 1e-3

    def test_once_there_a_late_item_is_shown_as_often_as_others(self):
        config = PlantedConfig(num_items=300, num_interactions=300_000)
        _, items, _ = log_columns(make_planted(config))
        late = np.ones(300, bool)
        late[items[:20_000]] = False
        there = np.zeros(300, bool)
        there[items[:240_000]] = True
        assert 0.3 < late.mean() < 0.6
        shown = np.bincount(items[240_000:], minlength=300)
        ratio = shown[late & there].mean() / shown[~late].mean()
        assert abs(ratio - 1) < 0.03


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_items": 0}, r"num_items must be at least 1\. Received: 0\."),
        ({"num_values": 0}, r"num_values must be at least 1\. Received: 0\."),
        ({"noise": -0.1}, r"noise must be at least 0\. Received: -0\.1\."),
        ({"appeal": float("nan")}, r"appeal must be at least 0\. Received: nan\."),
        ({"seed": -1}, r"seed must be at least 0\. Received: -1\."),
        ({"late_items": 1.5}, r"late_items is a share .* at most 1\. Received: 1\.5\."),
    ],
)
def test_impossible_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        PlantedConfig(**change)
