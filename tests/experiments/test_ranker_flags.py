"""The choices of the flags are those of the registries."""

import dataclasses

from experiments import ranker_flags
from moc_tf.ranking import fusion, interactions
from moc_tf.ranking.optimizers import OPTIMIZERS
from moc_tf.training import RankerConfig
from moc_tf.training.distribution import DISTRIBUTIONS
from moc_tf.training.precision import PRECISIONS


def test_every_choice_is_offered():
    assert sorted(interactions.names()) == ranker_flags.MODELS
    assert sorted(fusion._FUSIONS) == ranker_flags.FUSIONS
    assert sorted(OPTIMIZERS) == sorted(ranker_flags.OPTIMIZERS)
    assert list(PRECISIONS) == ranker_flags.PRECISIONS
    assert list(DISTRIBUTIONS) == ranker_flags.DISTRIBUTIONS


def test_every_flag_is_a_setting():
    settings = {field.name for field in dataclasses.fields(RankerConfig)}
    assert {flag.name for flag in ranker_flags._FLAGS} <= settings
