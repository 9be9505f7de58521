"""The flags are the settings of a ranker, and their choices those of the registries."""

import dataclasses

import pytest
from absl import flags
from absl.testing import flagsaver

from experiments import ranker_flags
from moc_tf.training import RankerConfig
from moc_tf.training.ranker_config import CHOICES

OTHERS = {  # than the defaults
    "model": "ipnn",
    "fusion": "none",
    "code_embedding": "ngram",
    "ngram_size": 3,
    "num_buckets": 100,
    "code_start": "random",
    "code_start_stddev": 0.5,
    "code_tables": "frozen",
    "hidden_units": (8, 4),
    "embedding_dim": 8,
    "hidden_share": 0.25,
    "learning_rate": 0.01,
    "batch_size": 64,
    "max_epochs": 3,
    "average_decay": 0.5,
    "patience": 1,
    "optimizer": "adam",
    "clipnorm": 2.0,
    "embedding_l2": 0.125,
    "precision": "mixed_bfloat16",
    "steps_per_execution": 4,
    "distribution": "mirrored",
    "num_replicas": 3,
}


def test_every_choice_is_offered():
    offered = {
        flag.name: sorted(flags.FLAGS[flag.name].parser.enum_values)
        for flag in ranker_flags._FLAGS
        if isinstance(flags.FLAGS[flag.name].parser, flags.EnumParser)
    }
    assert offered == {name: sorted(known) for name, known in CHOICES.items()}


def test_every_setting_has_a_flag():
    settings = [field.name for field in dataclasses.fields(RankerConfig)]
    assert sorted(flag.name for flag in ranker_flags._FLAGS) == sorted(settings)
    assert OTHERS.keys() == set(settings)


def parsed(*arguments):
    """What is given by the command line `arguments`."""
    with flagsaver.flagsaver():
        flags.FLAGS(["train_ranker", *arguments])
        return ranker_flags.given()


def test_flags_become_settings_of_their_types():
    arguments = [
        f"--{name}={','.join(map(str, value)) if name == 'hidden_units' else value}"
        for name, value in OTHERS.items()
    ]
    given = parsed(*arguments)
    assert given == OTHERS
    assert RankerConfig(**given) == RankerConfig(**OTHERS)
    assert parsed("--hidden_units=")["hidden_units"] == ()


def test_what_is_not_given_is_left_to_the_data_set():
    assert parsed().keys() == {"model", "fusion", "distribution", "num_replicas"}


@pytest.mark.parametrize("widths", ["8,x", "8,0", "-8", "8.5"])
def test_widths_that_are_none_are_refused(widths):
    with pytest.raises(flags.IllegalFlagValueError, match="whole numbers above 0"):
        parsed(f"--hidden_units={widths}")
    with pytest.raises(flags.IllegalFlagValueError):
        parsed("--ngram_size=0")
