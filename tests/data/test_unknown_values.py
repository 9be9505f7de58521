import numpy as np
import pytest
import tensorflow as tf

from moc_tf.data import hide_values, make_batches

ROWS = 20_000


@pytest.fixture
def batches():
    columns = {
        "user": np.arange(1, ROWS + 1, dtype=np.int32),
        "item": np.arange(1, ROWS + 1, dtype=np.int32),
        "label": np.arange(ROWS, dtype=np.float32),
    }
    return make_batches(columns, 3_000)


def read(dataset):
    parts = list(dataset.as_numpy_iterator())
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def test_the_stated_share_of_ids_is_hidden_each_field_for_itself(batches):
    seen = read(hide_values(batches, ["user", "item"], 0.25, seed=0))
    users, items = seen["user"] == 0, seen["item"] == 0
    assert users.mean() == pytest.approx(0.25, abs=0.015)
    assert items.mean() == pytest.approx(0.25, abs=0.015)
    assert (users & items).mean() == pytest.approx(0.25**2, abs=0.01)


def test_no_thread_delays_the_end_of_a_pass(batches):
    hidden = hide_values(batches, ["user"], 0.25, seed=0)
    assert hidden.options().autotune.enabled is False


def test_everything_else_stays(batches):
    seen, whole = read(hide_values(batches, ["user"], 0.5, seed=0)), read(batches)
    np.testing.assert_array_equal(seen["item"], whole["item"])
    np.testing.assert_array_equal(seen["label"], whole["label"])
    kept = seen["user"] > 0
    np.testing.assert_array_equal(seen["user"][kept], whole["user"][kept])


def test_each_pass_and_each_batch_draws_anew(batches):
    dataset = hide_values(batches, ["user"], 0.5, seed=0)
    first, second = read(dataset)["user"] == 0, read(dataset)["user"] == 0
    assert (first != second).mean() == pytest.approx(0.5, abs=0.02)
    assert (first[:3_000] != first[3_000:6_000]).mean() == pytest.approx(0.5, abs=0.05)


def test_equal_seeds_hide_the_same_whatever_the_global_seed(batches):
    tf.random.set_seed(1)
    one = hide_values(batches, ["user"], 0.5, seed=7)
    passes = [read(one)["user"], read(one)["user"]]
    tf.random.set_seed(2)
    two = hide_values(batches, ["user"], 0.5, seed=7)
    for expected in passes:
        np.testing.assert_array_equal(read(two)["user"], expected)
    other = read(hide_values(batches, ["user"], 0.5, seed=8))["user"]
    assert (other != passes[0]).any()


def test_a_resumed_training_goes_on_with_the_draws_of_its_pass(batches):
    whole = hide_values(batches, ["user"], 0.5, seed=7)
    read(whole)
    second = read(whole)["user"]
    resumed = hide_values(batches, ["user"], 0.5, seed=7, first_pass=1)
    np.testing.assert_array_equal(read(resumed)["user"], second)


def test_the_number_of_batches_stays_known(batches):
    assert hide_values(batches, ["user"], 0.5, seed=0).cardinality() == 7


def test_a_share_of_zero_changes_nothing(batches):
    assert hide_values(batches, ["user"], 0.0, seed=0) is batches


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_share_out_of_range_is_refused(batches, rate):
    with pytest.raises(ValueError, match=rf"\[0, 1\).*{rate}"):
        hide_values(batches, ["user"], rate, seed=0)


@pytest.mark.parametrize("names", [[], ["user", "nobody"], ["label"], ["codes"]])
def test_names_are_those_of_ids(batches, names):
    with_codes = batches.map(lambda batch: {**batch, "codes": batch["user"][:, None]})
    with pytest.raises(ValueError, match=r"\['item', 'user'\]\. Received: \["):
        hide_values(with_codes, names, 0.5, seed=0)
