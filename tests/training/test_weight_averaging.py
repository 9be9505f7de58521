import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.training import EarlyStoppingOnAUC
from moc_tf.training.weight_averaging import WeightAveraging


class Counter(keras.Model):
    """Its weight, two numbers, grows by (1, -1) with each step."""

    def __init__(self):
        super().__init__()
        self.weight = self.add_weight(name="weight", shape=(2,), initializer="ones")

    def call(self, rows):
        return tf.gather(self.weight, rows)

    def train_step(self, rows):
        self.weight.assign_add([1.0, -1.0])
        return {"loss": self.weight[0]}


def fit(model, averaging, epochs=1, steps=4, steps_per_execution=1, callbacks=()):
    model.compile(steps_per_execution=steps_per_execution)
    rows = tf.data.Dataset.range(2 * steps).batch(2)
    model.fit(
        rows.map(lambda r: r % 2),
        epochs=epochs,
        verbose=0,
        callbacks=[averaging, *callbacks],
    )


def weighted(weights_after, decay):
    """Mean of the weights after given steps, each counted for the steps up to it."""
    last, before = max(weights_after), 0
    total = value = 0.0
    for step, weight in sorted(weights_after.items()):
        share = sum(decay ** (last - i) for i in range(before + 1, step + 1))
        total, value, before = total + share, value + share * weight, step
    return value / total


def test_the_weights_of_each_step_count_the_less_the_longer_ago_it_is():
    model, averaging = Counter(), WeightAveraging(0.75, every=1)
    fit(model, averaging, epochs=2, steps=2)
    average = weighted({1: 2.0, 2: 3.0, 3: 4.0, 4: 5.0}, 0.75)
    assert average == pytest.approx(
        (2 * 0.75**3 + 3 * 0.75**2 + 4 * 0.75 + 5) / (0.75**3 + 0.75**2 + 0.75 + 1)
    )
    (found,) = averaging.values()
    np.testing.assert_allclose(found, [average, 2.0 - average], rtol=1e-6)
    assert averaging.steps == 4


def test_several_steps_in_one_go_count_as_so_many():
    model, averaging = Counter(), WeightAveraging(0.75, every=1)
    fit(model, averaging, steps=5, steps_per_execution=3)  # 3 steps, then 2
    (found,) = averaging.values()
    expected = weighted({3: 4.0, 5: 6.0}, 0.75)
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)


@pytest.mark.parametrize("steps_per_execution", [1, 2, 4])
def test_updates_do_not_depend_on_how_many_steps_are_run_in_one_go(steps_per_execution):
    model, averaging = Counter(), WeightAveraging(0.75, every=4)
    fit(model, averaging, steps=6, steps_per_execution=steps_per_execution)
    (found,) = averaging.values()
    expected = weighted({4: 5.0, 6: 7.0}, 0.75)
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)


def test_the_average_is_lent_to_the_model():
    model, averaging = Counter(), WeightAveraging(0.5, every=1)
    fit(model, averaging, steps=2)
    with averaging.applied():
        np.testing.assert_allclose(model.weight.numpy()[0], (0.5 * 2 + 3) / 1.5)
    np.testing.assert_array_equal(model.weight.numpy(), [3.0, -1.0])


def test_each_training_has_an_average_of_its_own():
    model, averaging = Counter(), WeightAveraging(0.5, every=1)
    fit(model, averaging, steps=2)
    model.set_weights([np.zeros(2, np.float32)])
    fit(model, averaging, steps=1)
    np.testing.assert_allclose(averaging.values()[0][0], 1.0)


def test_it_goes_on_from_what_it_was():
    model, averaging = Counter(), WeightAveraging(0.5, every=1)
    averaging.restore([np.array([7.0, 0.0], np.float32)], steps=1)
    fit(model, averaging, steps=1)
    np.testing.assert_allclose(averaging.values()[0], [(0.5 * 7 + 2) / 1.5, 0.0])
    assert averaging.steps == 2


def test_the_average_is_validated_and_kept():
    model, averaging = Counter(), WeightAveraging(0.5, every=1)
    seen = []

    def predict(batches):
        seen.append(model.weight.numpy()[0])
        return np.array([0.0, 1.0])

    stopping = EarlyStoppingOnAUC(
        None, np.array([0.0, 1.0]), 1, predict, averaging=averaging
    )
    fit(model, averaging, epochs=3, steps=1, callbacks=[stopping])
    np.testing.assert_allclose(seen, [2.0, (0.5 * 2 + 3) / 1.5])  # no better: it stops
    assert model.weight.numpy()[0] == 2.0


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.1])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(ValueError, match=f"Received: {decay}"):
        WeightAveraging(decay)


def test_a_distance_between_updates_is_at_least_a_step():
    with pytest.raises(ValueError, match=r"every must be at least 1\. Received: 0"):
        WeightAveraging(0.5, every=0)
