import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs

from moc_tf._keras import keras
from moc_tf.data.schema import CategoricalFeature, Schema
from moc_tf.evaluation import approximate_auc, auc
from moc_tf.ranking import make_ranker


def rare_clicks():
    """Labels and logits of clicks of about 0.2 %: all scores between two thresholds."""
    random = np.random.default_rng(0)
    labels = (random.random(50_000) < 0.002).astype(np.float32)
    return labels, (random.normal(size=50_000) + labels - 8).astype(np.float32)


def measured(labels, logits, **options):
    metric = approximate_auc(**options)
    for part in np.array_split(np.arange(len(labels)), 3):
        metric.update_state(labels[part], logits[part])
    return float(metric.result())


def test_it_takes_logits_and_is_near_where_scores_spread():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 2_000).astype(np.float32)
    logits = (random.normal(size=2_000) + labels).astype(np.float32)
    assert measured(labels, logits) == pytest.approx(auc(labels, logits), abs=1e-3)


def test_it_is_only_approximate_where_clicks_are_rare():
    labels, logits = rare_clicks()
    assert abs(measured(labels, logits) - auc(labels, logits)) > 0.02


def test_a_ranker_shows_it_by_its_task():
    model = make_ranker("deepfm", Schema((CategoricalFeature("user", 9),)))
    model.task = tfrs.tasks.Ranking(
        loss=keras.losses.BinaryCrossentropy(
            from_logits=True, reduction=keras.losses.Reduction.NONE
        ),
        metrics=[approximate_auc()],
    )
    model.compile(optimizer="sgd")
    random = np.random.default_rng(0)
    users = random.integers(0, 9, 64).astype(np.int32)
    labels = (users > 4).astype(np.float32)
    data = tf.data.Dataset.from_tensor_slices({"user": users, "label": labels})
    logs = model.evaluate(data.batch(16), return_dict=True, verbose=0)
    logits = model.predict({"user": users}, verbose=0)
    assert logs["approximate_auc"] == pytest.approx(measured(labels, logits))


def test_one_threshold_is_refused():
    with pytest.raises(ValueError, match=r"num_thresholds must .* Received: 1\."):
        approximate_auc(num_thresholds=1)
