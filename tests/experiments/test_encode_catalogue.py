"""What holds of the binary without Apache Beam; tests/indexing has the rest."""

import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
WITHOUT_BEAM = pytest.mark.skipif(
    importlib.util.find_spec("apache_beam") is not None, reason="Beam is installed"
)


def run(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True
    )


def test_help_explains_the_binary():
    process = run("-m", "experiments.encode_catalogue", "--help")
    assert "python -m experiments.encode_catalogue" in process.stdout
    assert "gs://" in process.stdout


def test_flags_are_read_before_tensorflow_or_beam_is_loaded():
    loaded = "{'tensorflow', 'apache_beam'} & set(sys.modules)"
    code = f"import sys, experiments.encode_catalogue; sys.exit(bool({loaded}))"
    assert run("-c", code).returncode == 0


@WITHOUT_BEAM
def test_without_beam_an_error_says_what_to_install():
    process = run(
        *("-m", "experiments.encode_catalogue", "--indexer=i", "--vectors=v"),
        *("--out=o", "--runner=DirectRunner"),
    )
    assert process.returncode != 0
    last = process.stderr.strip().splitlines()[-1]
    assert "pip install -r requirements-beam.txt" in last


def test_codes_are_computed_by_the_versions_of_the_other_environment():
    def pins(name):
        text = (ROOT / name).read_text()
        return dict(re.findall(r"^([\w-]+)==(\S+)", text, re.MULTILINE))

    beam, others = pins("requirements-beam.txt"), pins("requirements.txt")
    for package in ("tensorflow", "tf_keras", "numpy", "faiss-cpu", "scikit-learn"):
        assert beam[package] == others[package]
