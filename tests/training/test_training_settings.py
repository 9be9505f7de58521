"""What the settings of a training do to it."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import LazyAdam, SparseAdagrad
from moc_tf.training import RankerConfig, RankerTrainer, built_in

CONFIG = RankerConfig(
    hidden_units=(32,), batch_size=512, max_epochs=3, embedding_dim=4, hidden_share=0.1
)


def new_trainer(data, table, **options):
    config = dataclasses.replace(CONFIG, **options)
    return RankerTrainer(config, data, data.schema_with(table))


@pytest.fixture(scope="module")
def plain(data, planted):
    trainer = new_trainer(data, planted.true_factors)
    trained = trainer.train(0, planted.true_factors)
    return trained, trainer.model.get_weights()


def test_bfloat16_multiplies_and_nothing_else_is_lost(plain, data, planted):
    trainer = new_trainer(data, planted.true_factors, precision="mixed_bfloat16")
    assert keras.mixed_precision.global_policy().name == "float32"
    model = trainer.model
    assert model.interaction.compute_dtype == "bfloat16"
    assert {v.dtype for v in model.trainable_variables} == {tf.float32}

    trained = trainer.train(0, planted.true_factors)
    batch = next(iter(data.batches(data.train, 64, planted.true_factors)))
    assert model(batch).dtype == tf.float32
    assert model.compute_loss(batch).dtype == tf.float32
    for part in ("validation", "test"):
        expected = getattr(plain[0], part).all_items.auc
        found = getattr(trained, part).all_items.auc
        assert found == pytest.approx(expected, abs=0.01)
    differ = [
        np.abs(a - b).max() for a, b in zip(model.get_weights(), plain[1], strict=True)
    ]
    assert max(differ) > 1e-5  # it did compute in another precision


def test_keras_own_policy_returns_also_after_an_error():
    def fail():
        with built_in("mixed_bfloat16"):
            assert keras.mixed_precision.global_policy().name == "mixed_bfloat16"
            raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        fail()
    assert keras.mixed_precision.global_policy().name == "float32"


def test_steps_in_one_go_are_the_same_steps(plain, data, planted):
    trainer = new_trainer(data, planted.true_factors, steps_per_execution=3)
    trainer.train(0, planted.true_factors)
    for weight, expected in zip(trainer.model.get_weights(), plain[1], strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_the_settings_reach_model_and_optimizer(data):
    trainer = new_trainer(
        data, None, optimizer="adagrad", clipnorm=0.5, embedding_l2=0.01
    )
    assert type(trainer.model.optimizer) is SparseAdagrad
    assert trainer.model.optimizer.global_clipnorm == 0.5
    assert trainer.model.embeddings.embedding_l2 == 0.01
    default = new_trainer(data, None).model
    assert type(default.optimizer) is LazyAdam
    assert default.optimizer.global_clipnorm is None


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("precision", "float16", r"one of \['float32', 'mixed_bfloat16'\]"),
        ("optimizer", "sgd", "one of .*'adagrad'"),
        ("distribution", "horovod", "one of .*'mirrored'"),
        ("model", "dcn", "one of .*'dcn_v2'"),
        ("fusion", "gate", "one of .*'self_gating'"),
        ("code_embedding", "bigram", "one of .*'ngram'"),
        ("code_start", "zeros", r"one of \['random', 'codebooks'\]"),
        ("code_tables", "fixed", r"one of \['trained', 'frozen'\]"),
        ("hidden_share", 1.0, r"in \[0, 1\)"),
        ("average_decay", 1.0, r"in \[0, 1\)"),
        ("average_decay", -0.1, r"in \[0, 1\)"),
        ("num_buckets", 0, "at least 1"),
        ("clipnorm", 0.0, "above 0, or None"),
        ("clipnorm", float("nan"), "above 0, or None"),
        ("embedding_l2", -0.1, "at least 0"),
        ("steps_per_execution", 0, "at least 1"),
        ("num_replicas", 0, "at least 1"),
    ],
)
def test_bad_settings_are_refused(option, value, message):
    with pytest.raises(ValueError, match=rf"{option} must be {message}.* Received: "):
        RankerConfig(**{option: value})


def test_servers_have_no_order_of_weights_to_average():
    with pytest.raises(ValueError, match=r"no order of weights .*0\.5; use 0"):
        RankerConfig(distribution="parameter_server", average_decay=0.5)
