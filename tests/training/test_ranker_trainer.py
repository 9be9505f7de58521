import dataclasses

import numpy as np
import pytest
import tensorflow_recommenders as tfrs

from moc_tf._keras import keras
from moc_tf.code_table import CodeTable
from moc_tf.evaluation import evaluate_clicks
from moc_tf.ranking import FmFM, LazyAdam, make_ranker
from moc_tf.training import RankerConfig, RankerTrainer

CONFIG = RankerConfig(batch_size=512, max_epochs=3, embedding_dim=4)


@pytest.fixture(scope="module")
def trainer(data, planted):
    return RankerTrainer(CONFIG, data, data.schema_with(planted.true_factors))


def metrics(trained):
    return dataclasses.replace(trained, train_seconds=0.0, examples_per_second=0.0)


def test_a_seed_gives_the_same_result_however_often(trainer, planted):
    first = metrics(trainer.train(0, planted.true_factors))
    other = metrics(trainer.train(1, planted.true_factors))
    again = metrics(trainer.train(0, planted.true_factors))
    assert again == first
    assert other != first


def test_how_many_models_there_were_changes_no_bit(trainer, data, planted):
    """Keras numbers layers on, and the sums of a graph follow the order of names."""
    first = metrics(trainer.train(1, planted.true_factors))
    weights = trainer.model.get_weights()
    keras.backend.reset_uids()
    for _ in range(9):  # the next are cross_9, cross_10 and cross_11
        tfrs.layers.dcn.Cross()
    later = RankerTrainer(CONFIG, data, trainer.model.schema)
    assert metrics(later.train(1, planted.true_factors)) == first
    for one, other in zip(later.model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_reused_model_trains_as_a_new_one_does(trainer, data, planted):
    trainer.train(1, planted.true_factors)  # leaves weights and moments behind
    reused = trainer.train(3, planted.true_factors)

    keras.utils.set_random_seed(3)
    model = make_ranker("dcn_v2", trainer.model.schema, embedding_dim=4)
    model(trainer.model.schema.example_batch())
    model.compile(optimizer=LazyAdam(CONFIG.learning_rate))
    train = data.batches(data.train, 512, planted.true_factors, shuffle_seed=3)
    model.fit(train, epochs=reused.best_epoch + 1, verbose=0)
    part = data.test
    logits = model.predict(data.batches(part, 512, planted.true_factors), verbose=0)
    new = evaluate_clicks(part.labels, logits, part.user_rows, part.new_item)
    assert new.all_items.auc == pytest.approx(reused.test.all_items.auc, abs=1e-4)
    assert new.all_items.logloss == pytest.approx(
        reused.test.all_items.logloss, abs=1e-4
    )


def test_the_model_holds_the_weights_that_were_measured(trainer, data, planted):
    trained = trainer.train(0, planted.true_factors)
    part = data.validation
    logits = trainer.model.predict(
        data.batches(part, 100, planted.true_factors), verbose=0
    )
    again = evaluate_clicks(part.labels, logits, part.user_rows, part.new_item)
    assert again.all_items.auc == pytest.approx(trained.validation.all_items.auc)
    assert trained.num_parameters == sum(
        np.prod(weight.shape) for weight in trainer.model.trainable_weights
    )
    assert 0 <= trained.best_epoch < trained.num_epochs <= CONFIG.max_epochs


class Follow(keras.callbacks.Callback):
    """Averages by hand, after every eight steps and at the end of an epoch."""

    def __init__(self, decay):
        super().__init__()
        self.decay = decay
        self.sums, self.shares, self.steps, self.epochs = None, 0.0, 0, []

    def on_train_begin(self, logs=None):
        self.sums = [0.0 * w.numpy() for w in self.model.trainable_variables]

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps == 8:
            self.follow()

    def on_epoch_end(self, epoch, logs=None):
        self.follow()
        self.epochs.append([total / self.shares for total in self.sums])

    def follow(self):
        kept, self.steps = self.decay**self.steps, 0
        self.shares = kept * self.shares + (1 - kept)
        weights = [w.numpy() for w in self.model.trainable_variables]
        self.sums = [
            kept * total + (1 - kept) * weight
            for total, weight in zip(self.sums, weights, strict=True)
        ]


def test_what_is_kept_is_the_average_of_the_best_epoch(data, planted):
    config = dataclasses.replace(CONFIG, average_decay=0.9, steps_per_execution=1)
    trainer = RankerTrainer(config, data, data.schema_with(planted.true_factors))
    by_hand = Follow(0.9)
    trained = trainer.train(0, planted.true_factors, [by_hand])
    expected = by_hand.epochs[trained.best_epoch]
    for weight, average in zip(
        trainer.model.trainable_variables, expected, strict=True
    ):
        np.testing.assert_allclose(weight.numpy(), average, rtol=1e-4, atol=1e-6)


def test_a_table_of_another_shape_is_refused(trainer, planted):
    factors = planted.true_factors
    wider = CodeTable(factors.item_ids, factors.codes, codebook_size=16)
    with pytest.raises(ValueError, match=r"6 codebooks of 4 codes.*6 of 16"):
        trainer.train(0, wider)


def test_codes_and_schema_go_together(trainer, data, planted):
    with pytest.raises(ValueError, match="needs a code table"):
        trainer.train(0)
    plain = RankerTrainer(CONFIG, data, data.schema)
    with pytest.raises(ValueError, match="must not get one"):
        plain.train(0, planted.true_factors)


@pytest.mark.parametrize(
    ("option", "value"), [("batch_size", 0), ("patience", 0), ("learning_rate", 0.0)]
)
def test_bad_settings_are_refused(option, value):
    with pytest.raises(ValueError, match=rf"{option} must be .* Received: {value}"):
        RankerConfig(**{option: value})


def test_a_ranker_without_an_mlp_takes_no_hidden_units(data):
    config = RankerConfig(model="fmfm", embedding_dim=4)
    trainer = RankerTrainer(config, data, data.schema_with(None))
    assert isinstance(trainer.model.interaction, FmFM)
