import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.training import EarlyStoppingOnAUC

LABELS = np.array([0, 0, 1, 1], np.float32)


class ScriptedScores(keras.callbacks.Callback):
    """Sets the model's only weights, its scores, at the start of each epoch."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def on_epoch_begin(self, epoch, logs=None):
        self.model.set_weights([np.array(self.scores[epoch], np.float32)])


class Scores(keras.Model):
    def __init__(self):
        super().__init__()
        self.scores = self.add_weight(name="scores", shape=(4,), initializer="zeros")

    def call(self, rows):
        return tf.gather(self.scores, rows)

    def train_step(self, rows):
        return {"loss": tf.reduce_sum(self.scores)}


def run(scores, patience):
    model = Scores()
    rows = tf.data.Dataset.range(4).batch(4)
    stopping = EarlyStoppingOnAUC(rows, LABELS, patience)
    model.compile()
    history = model.fit(
        rows,
        epochs=len(scores),
        verbose=0,
        callbacks=[ScriptedScores(scores), stopping],
    )
    return model, stopping, history.history


ORDERED = [0, 1, 2, 3]  # AUC 1
ONE_WRONG = [0, 2, 1, 3]  # AUC 3/4
REVERSED = [3, 2, 1, 0]  # AUC 0


def test_it_stops_after_patience_epochs_and_restores_the_best_weights():
    scores = [REVERSED, ORDERED, ONE_WRONG, REVERSED, ORDERED]
    model, stopping, history = run(scores, patience=2)
    assert history["validation_auc"] == [0.0, 1.0, 0.75, 0.0]
    assert stopping.best_epoch == 1
    assert stopping.best_auc == 1.0
    np.testing.assert_array_equal(model.get_weights()[0], ORDERED)


def test_an_equal_auc_does_not_count_as_better():
    model, stopping, history = run([ONE_WRONG, ONE_WRONG, ONE_WRONG], patience=2)
    assert stopping.best_epoch == 0
    assert len(history["validation_auc"]) == 3
    np.testing.assert_array_equal(model.get_weights()[0], ONE_WRONG)


def test_improvement_resets_the_patience():
    scores = [REVERSED, REVERSED, ONE_WRONG, REVERSED, ORDERED]
    _, stopping, history = run(scores, patience=2)
    assert stopping.best_epoch == 4
    assert len(history["validation_auc"]) == 5
    assert len(stopping.epoch_seconds) == 5


def test_the_auc_is_exact_where_thresholds_are_not():
    # Scores this close to one another fall between Keras' 200 thresholds.
    _, stopping, _ = run([[0.1, 0.1001, 0.1002, 0.1003]], patience=1)
    assert stopping.best_auc == 1.0


def test_validation_rows_of_one_label_are_refused():
    with pytest.raises(ValueError, match="both labels"):
        EarlyStoppingOnAUC(tf.data.Dataset.range(2).batch(2), np.ones(2), 1)


def test_a_validation_part_without_rows_is_refused():
    with pytest.raises(ValueError, match=r"both labels\. Received: 0 rows"):
        EarlyStoppingOnAUC(tf.data.Dataset.range(0).batch(2), np.ones(0), 1)


def test_patience_must_be_positive():
    with pytest.raises(ValueError, match="Received: 0"):
        EarlyStoppingOnAUC(tf.data.Dataset.range(4).batch(4), LABELS, 0)
