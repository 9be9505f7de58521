"""What the flags of a data set stand for."""

import sys

import pytest
from absl import flags
from absl.testing import flagsaver

from experiments import dataset_flags
from experiments.datasets import Files
from moc_tf.data.protocols import PROTOCOLS


@pytest.fixture(autouse=True)
def parsed():
    flags.FLAGS(sys.argv[:1])


def test_every_protocol_is_offered():
    assert sorted(dataset_flags.PROTOCOLS) == sorted(PROTOCOLS)


def test_without_a_flag_it_is_the_planted_benchmark():
    name, _ = dataset_flags.given()
    assert (name, dataset_flags.protocol()) == ("planted", "rating")


@flagsaver.flagsaver(dataset="amazon/beauty", data_dir="d", protocol="implicit")
def test_a_data_set_by_name():
    name, loader = dataset_flags.given()
    assert (name, dataset_flags.protocol()) == ("amazon/beauty", "implicit")
    assert (loader.data_dir, loader.vectors, loader.files) == ("d", None, None)


@flagsaver.flagsaver(
    interactions="logs/may.csv", vectors="v.npz", items="i.csv", attributes=["a", "b"]
)
def test_a_log_is_known_by_its_name_and_says_what_was_clicked():
    name, loader = dataset_flags.given()
    assert (name, dataset_flags.protocol()) == ("files/may", "click")
    assert loader.files == Files("logs/may.csv", "v.npz", "i.csv", ("a", "b"))


@flagsaver.flagsaver(interactions="log.csv", vectors="v.npz", protocol="implicit")
def test_a_log_takes_any_protocol():
    assert dataset_flags.protocol() == "implicit"
