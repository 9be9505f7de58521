"""What training does to a ranker."""

import dataclasses

import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf
import tensorflow_recommenders as tfrs

from moc_tf._keras import keras
from moc_tf.ranking import (
    LazyAdam,
    SelfGatingFusion,
    SemanticIdEmbedding,
    make_optimizer,
    make_ranker,
)
from moc_tf.ranking.optimizers import OPTIMIZERS
from tests.ranking.small_rankers import NAMES, SCHEMA, dataset, rows, small


def tables_of(model):
    return [w for w in model.trainable_weights if "embeddings:" in w.name]


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_trains_and_predicts(name):
    model = small(name)
    model.compile(optimizer=LazyAdam(), run_eagerly=True)
    model.fit(dataset(3, batch=1), verbose=0)
    one = {key: value[:1] for key, value in rows().items()}
    np.testing.assert_allclose(model(one), model(rows())[:1], atol=1e-6)


def test_the_loss_is_the_mean_of_the_batch():
    model = small("dcn_v2", embeddings_initializer="uniform")
    batch = rows()
    probabilities = tf.sigmoid(model(batch)).numpy()
    expected = sklearn.metrics.log_loss(batch["click"], probabilities)
    assert float(model.compute_loss(batch)) == pytest.approx(expected, rel=1e-5)


def test_logloss_is_the_mean_of_all_examples_with_a_partial_last_batch():
    model = small("dcn_v2", embeddings_initializer="uniform")
    model.compile(optimizer=LazyAdam(), run_eagerly=True)
    logged = model.evaluate(dataset(10, batch=4), return_dict=True, verbose=0)
    logits = model.predict(dataset(10, batch=4), verbose=0)
    assert logits.shape == (10,)
    losses = np.log1p(np.exp(np.where(rows()["click"] == 1, -logits, logits)))
    assert logged["logloss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert logged["loss"] == pytest.approx(np.mean(losses[8:]), rel=1e-5)


def test_a_step_descends_the_mean_of_the_batch():
    model = small("deepfm")
    model.compile(optimizer=keras.optimizers.SGD(1.0), run_eagerly=True)
    batch = {key: tf.constant(value) for key, value in rows().items()}
    model(batch)
    (bias,) = [w for w in model.interaction.weights if w.shape == (1,)]
    error = tf.sigmoid(model(batch)).numpy() - rows()["click"]
    before = bias.numpy().item()
    model.fit(dataset(10, batch=10), verbose=0)
    assert bias.numpy().item() == pytest.approx(before - np.mean(error), abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_all_tables_are_sparse(name):
    model = small(name, embedding_l2=0.1)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(rows(), training=True) + sum(model.losses)
    tables = tables_of(model)
    assert len(tables) == (4 if name == "deepfm" else 2)
    for gradient in tape.gradient(loss, tables):
        assert isinstance(gradient, tf.IndexedSlices)


@pytest.mark.parametrize("name", NAMES)
def test_training_leaves_the_rows_of_absent_ids(name):
    model = small(name, embedding_l2=0.1)
    model.compile(optimizer=LazyAdam(), run_eagerly=True)
    model.build()
    before = model.embeddings.fields.embeddings.numpy()
    model.fit(dataset(), verbose=0)
    moved = (model.embeddings.fields.embeddings.numpy() != before).any(axis=1)
    used = {*rows()["user"].tolist(), *(20 + rows()["brand"]).tolist()}
    assert set(np.flatnonzero(moved)) == used


@pytest.mark.parametrize("name", NAMES)
def test_training_finds_what_separates_the_labels(name):
    model = small(name)
    model.compile(optimizer=LazyAdam(0.01))
    data = dataset(256, batch=64)
    history = model.fit(data, validation_data=data, epochs=20, verbose=0).history
    assert history["logloss"][0] > 0.5
    assert history["logloss"][-1] < 0.15
    assert history["val_logloss"][-1] < 0.15


def test_the_penalty_joins_the_loss_while_training():
    model = small("deepfm", embedding_l2=0.5, embeddings_initializer="ones")
    model.compile(optimizer=keras.optimizers.SGD(0.0), run_eagerly=True)
    model.build()
    for table in (model.linear.fields.embeddings, model.linear.codes.embeddings):
        table.assign(tf.ones_like(table))
    logged = model.fit(dataset(8, batch=4), verbose=0).history
    assert logged["regularization_loss"] == [pytest.approx(0.5 * 5 * (4 + 1))]
    assert logged["total_loss"][0] == pytest.approx(logged["loss"][0] + 12.5)
    evaluated = model.evaluate(dataset(), return_dict=True, verbose=0)
    assert evaluated["regularization_loss"] == 0


def test_compiling_leaves_xla_off():
    model = small("deepfm")
    model.compile(optimizer=LazyAdam())
    assert not model.jit_compile


def test_a_missing_label_raises():
    batch = rows()
    del batch["click"]
    with pytest.raises(ValueError, match=r"label 'click' is missing.*'brand', 'codes'"):
        small("deepfm").compute_loss(batch)


@pytest.mark.parametrize("batch", [(rows(), rows()["click"]), [rows()]])
def test_batches_are_one_dictionary(batch):
    with pytest.raises(ValueError, match=r"one dictionary.*label under 'click'"):
        small("deepfm").compute_loss(batch)


@pytest.mark.parametrize(
    "method", ["fit", "evaluate", "train_on_batch", "test_on_batch"]
)
@pytest.mark.parametrize("given", ["y", "sample_weight"])
def test_labels_and_weights_beside_the_batches_are_refused(method, given):
    model = small("deepfm")
    model.compile(optimizer=LazyAdam())
    with pytest.raises(ValueError, match=rf"under 'click'\. Received: \['{given}'\]"):
        getattr(model, method)(rows(), **{given: np.ones(10)})


def test_one_batch_is_trained_on_and_measured():
    model = small("deepfm", embeddings_initializer="uniform")
    model.compile(optimizer=LazyAdam(0.01))
    before = model.test_on_batch(rows(), return_dict=True)
    assert before["loss"] == pytest.approx(float(model.compute_loss(rows())), rel=1e-5)
    for _ in range(20):
        trained = model.train_on_batch(rows(), reset_metrics=False, return_dict=True)
    after = model.test_on_batch(rows(), return_dict=True)
    assert after["loss"] < trained["loss"] < before["loss"]


def test_a_dictionary_of_arrays_is_a_data_set_too():
    losses = []
    for given in (rows(64), dataset(64, batch=64)):
        keras.utils.set_random_seed(0)
        model = small("deepfm", embeddings_initializer="uniform")
        model.compile(optimizer=LazyAdam(0.01))
        options = {"batch_size": 64} if isinstance(given, dict) else {}
        history = model.fit(given, epochs=3, verbose=0, **options)
        found = model.evaluate(given, verbose=0, return_dict=True, **options)
        losses.append([*history.history["logloss"], found["logloss"]])
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_what_only_keras_own_training_reads_is_refused():
    model = small("deepfm")
    for argument in ({"loss": "mse"}, {"metrics": ["AUC"]}, {"weighted_metrics": [1]}):
        (name,) = argument
        with pytest.raises(ValueError, match=rf"own loss.*Received: \['{name}'\]"):
            model.compile(optimizer=LazyAdam(), **argument)
    model.compile(optimizer=LazyAdam())
    with pytest.raises(ValueError, match=r"\['class_weight'\].*Schema\(weight="):
        model.fit(dataset(), class_weight={0: 0.0, 1: 9.0})


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_counts_an_example_that_often(name):
    schema = dataclasses.replace(SCHEMA, weight="weight")
    plain = small(name, embeddings_initializer="uniform")
    plain.build()
    weighted = make_ranker(plain.interaction, schema, embedding_dim=4)
    weighted.build()
    weighted.set_weights(plain.get_weights())
    counts = np.array([0, 1, 2, 1, 3, 1, 0, 1, 1, 2])
    repeated = {
        key: np.repeat(values, counts, axis=0) for key, values in rows().items()
    }
    batch = {**rows(), "weight": counts.astype(np.float32)}
    np.testing.assert_array_equal(weighted(rows()), plain(rows()))
    expected = float(plain.compute_loss(repeated))
    loss = float(weighted.compute_loss(batch))
    assert loss == pytest.approx(expected * counts.sum() / 10, rel=1e-5)
    (logloss,) = weighted.metrics
    assert float(logloss.result()) == pytest.approx(expected, rel=1e-5)


def test_a_weighted_ranker_trains_saves_and_loads(tmp_path):
    schema = dataclasses.replace(SCHEMA, weight="weight")
    model = make_ranker("dcn_v2", schema, embedding_dim=4)
    model.compile(optimizer=LazyAdam())
    model.fit({**rows(), "weight": np.ones(10, np.float32)}, verbose=0)
    model.save(tmp_path / "ranker.keras")
    loaded = keras.models.load_model(tmp_path / "ranker.keras")
    np.testing.assert_allclose(loaded(rows()), model(rows()), atol=1e-6)
    assert loaded.schema == schema
    with pytest.raises(ValueError, match="weight 'weight' is missing from a batch"):
        loaded.compute_loss(rows())


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("wrong", [5.0, -1.0, np.nan])
def test_a_label_outside_0_and_1_raises(compiled, wrong):
    model = small("deepfm")
    compute = tf.function(model.compute_loss) if compiled else model.compute_loss
    batch = {key: tf.constant(value) for key, value in rows().items()}
    compute(batch)
    labels = tf.constant([wrong] + [0.0] * 9)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"click.*from 0 to 1"):
        compute({**batch, "click": labels})


def test_labels_are_one_number_an_example():
    with pytest.raises(ValueError, match=r"'click' must have one.*shape \(10, 2\)"):
        small("deepfm").compute_loss({**rows(), "click": np.zeros((10, 2))})


def test_a_negative_weight_raises():
    schema = dataclasses.replace(SCHEMA, weight="weight")
    model = make_ranker("dcn_v2", schema, embedding_dim=4)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"weight.*from 0 to"):
        model.compute_loss({**rows(), "weight": np.full(10, -1.0)})


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_xla_is_refused_with_an_optimizer_that_it_cannot_compile(name):
    model = small("deepfm")
    with pytest.raises(ValueError, match="cannot be compiled with jit_compile=True"):
        model.compile(optimizer=make_optimizer(name, 1e-3), jit_compile=True)
    model.compile(optimizer=keras.optimizers.Adam(), jit_compile=True)


@pytest.mark.parametrize("file", ["ranker.keras", "saved_model"])
def test_a_trained_ranker_saves_and_loads(file, tmp_path):
    model = small("deepfm")
    model.compile(optimizer=LazyAdam())
    model.fit(dataset(), verbose=0)
    model.save(tmp_path / file)
    loaded = keras.models.load_model(tmp_path / file)
    np.testing.assert_allclose(loaded(rows()), model(rows()), atol=1e-6)
    assert isinstance(loaded.optimizer, LazyAdam)


def test_the_layers_work_in_a_hand_written_tfrs_model():
    class TwoFields(tfrs.Model):
        def __init__(self):
            super().__init__()
            self.user = keras.layers.Embedding(20, 4)
            self.codes = keras.Sequential(
                [
                    SemanticIdEmbedding(3, 4, 4),
                    SelfGatingFusion(),
                    keras.layers.Flatten(),
                ]
            )
            self.logit = keras.layers.Dense(1)
            self.task = tfrs.tasks.Ranking(
                loss=keras.losses.BinaryCrossentropy(from_logits=True)
            )

        def call(self, features):
            joined = [self.user(features["user"]), self.codes(features["codes"])]
            return self.logit(tf.concat(joined, axis=1))

        def compute_loss(self, inputs, training=False):
            return self.task(labels=inputs["click"][:, None], predictions=self(inputs))

    model = TwoFields()
    model.compile(optimizer=LazyAdam(0.02))
    losses = model.fit(dataset(64, batch=64), epochs=60, verbose=0).history["loss"]
    assert losses[-1] < 0.3 < losses[0]
