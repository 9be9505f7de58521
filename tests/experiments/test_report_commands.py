"""The command that runs a cell again says what the cell is."""

import shlex
import subprocess
import sys

import pytest

from experiments.reporting.commands import command_of
from experiments.reporting.grid import Cell, Configuration, Setting
from moc_tf.training.methods import MOC_VARIANTS, SHUFFLED


def command(
    method="moc",
    num_codes=7,
    fusion="self_gating",
    variant="",
    dataset="amazon/beauty",
    split="test",
    seeds=(0, 1, 2, 3, 4),
):
    configuration = Configuration(method, num_codes, fusion, variant)
    cell = Cell(Setting(dataset, "implicit", split), "deepfm", configuration)
    return command_of(cell, seeds)


def test_a_command_in_full():
    assert command() == (
        "python -m experiments.train_ranker --dataset=amazon/beauty "
        "--data_dir=/path/to/amazon2014 --protocol=implicit --model=deepfm "
        "--methods=moc --num_codes=7 --seeds=5 --workdir=runs/again"
    )


def test_only_what_a_cell_has_is_said():
    assert "num_codes" not in command("none", 0, "none")
    assert "fusion" not in command("none", 0, "none")
    assert "num_codes" not in command("vq", 1)
    assert "data_dir" not in command(dataset="planted")
    assert "--fusion=residual" in command(fusion="residual")
    # A fusion of several codes that is called "none" is not the default.
    assert "--fusion=none" in command(fusion="none")
    assert "--seeds=8" in command(seeds=[7, 2])


def test_variants_become_flags():
    assert "--variant=diverse --seeds" in command(variant="diverse")
    both = command(variant="shuffled+prefix")
    assert "--variant=shuffled --code_embedding=prefix --seeds" in both
    flags = command(variant="ngram+ngram_size=3+frozen")
    assert "--code_embedding=ngram --ngram_size=3 --code_tables=frozen" in flags
    assert "--code_start=codebooks" in command(variant="codebooks")


@pytest.mark.parametrize(
    "changes",
    [
        {"split": "validation"},
        {"method": "true_factors"},
        {"method": "given_codes"},
        {"variant": "unheard_of"},
    ],
)
def test_what_no_command_gives_has_none(changes):
    assert command(**changes) is None


def test_names_are_quoted_for_the_shell():
    said = shlex.split(command(dataset="a; rm $x"))
    assert "--dataset=a; rm $x" in said


def test_the_binary_knows_every_flag():
    """Parsed by the binary's own flags."""
    lines = [
        command(fusion="residual"),
        command("none", 0, "none"),
        *(command(variant=variant) for variant in (*MOC_VARIANTS, SHUFFLED)),
        command(variant="ngram+ngram_size=3+num_buckets=9+frozen"),
        command(variant="codebooks+code_start_stddev=0.1"),
        command(variant="prefix"),
    ]
    program = (
        "import sys, shlex; from absl import flags; import experiments.train_ranker;"
        "[flags.FLAGS(shlex.split(line)[2:]) for line in sys.argv[1:]]"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, *lines], capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
