"""The choices of the flags are those of the registries."""

import dataclasses

from absl import flags

from experiments import ranker_flags
from moc_tf.training import RankerConfig
from moc_tf.training.ranker_config import CHOICES


def test_every_choice_is_offered():
    offered = {
        flag.name: sorted(flags.FLAGS[flag.name].parser.enum_values)
        for flag in ranker_flags._FLAGS
        if isinstance(flags.FLAGS[flag.name].parser, flags.EnumParser)
    }
    assert offered == {name: sorted(known) for name, known in CHOICES.items()}


def test_every_flag_is_a_setting():
    settings = {field.name for field in dataclasses.fields(RankerConfig)}
    assert {flag.name for flag in ranker_flags._FLAGS} <= settings
