"""The suites of codes ask for what their figures need, and small ones run to them."""

import collections
import json
import subprocess
import sys

import pytest

from experiments import settings, suite_choice, suites
from experiments.code_suites import CODE_SUITES, method_and_variant
from experiments.settings import indexing_method
from moc_tf.indexing import indexing_methods, make_indexer
from moc_tf.training import Method

# Settings that a fit takes no time with.
SMALL = """
import dataclasses
from absl import app
from experiments import code_suites, reproduce, settings

settings.PLANTED = dataclasses.replace(
    settings.PLANTED,
    indexer={"codebook_size": 8, "codebook_dim": 4, "hidden_units": (8,), "epochs": 1},
)
code_suites.CODE_SUITES = {
    "figure1": code_suites.CodeSuiteCells(("vq", "moc", "pq"), (1, 2)),
    "figure3": code_suites.CodeSuiteCells(("moc", "pq"), (2,)),
}
"""


def test_names_of_forms_of_moc_are_told_from_those_of_methods():
    assert method_and_variant("concatenated_moc") == ("moc", "concatenated")
    assert [method_and_variant(name) for name in ("moc", "rq_vae", "opq")] == [
        *(("moc", ""), ("rq_vae", ""), ("opq", "")),
    ]
    for name, (method, options) in settings.INDEXERS.items():
        found = Method(method, 7, method_and_variant(name)[1])
        assert found.indexer_options == options


def test_figure1_has_every_method_that_can_be_decoded_at_every_scale():
    cells = collections.Counter(CODE_SUITES["figure1"].cells)
    assert set(cells.values()) == {1}
    methods = {settings.indexing_method(name, 2).name for name, _ in cells}
    decoding = {n for n in indexing_methods() if make_indexer(n).decodes}
    assert methods == decoding - {"me"}  # whose code is that of "vq"
    counts = {count for name, count in cells if name == "moc"}
    assert counts == {1, 2, 3, 4, 7, 8, 16, 32}
    assert [cell for cell in cells if cell[0] == "vq"] == [("vq", 1)]


def test_the_codes_are_those_of_rankers():
    assert indexing_method("diverse_moc", 7) == Method("moc", 7, "diverse")
    assert indexing_method("concatenated_moc", 2) == Method("moc", 2, "concatenated")
    assert indexing_method("rq_vae", 1) == Method("rq_vae", 1)
    for name in ("moc", "diverse_moc", "concatenated_moc", "vq"):
        assert indexing_method(name, 1) == Method("vq", 1)
    of_rankers = {
        method for block in suites.SUITES["table1"](suites.DATA, (0,))
        for method in block.methods
    }  # fmt: skip
    ((block, *_), part) = suite_choice.choose_codes("figure3", (0, 1))
    assert part == ""
    assert (block.dataset, block.protocol) == suites.DATA[0]
    assert block.indexer == suites._block(suites.DATA[0], "dcn_v2", [], ()).indexer
    assert block.seeds == (0, 1)
    assert {method for name, method in block.methods if "moc" in name} <= of_rankers


def test_other_data_are_a_part_with_a_name():
    (planted,), part = suite_choice.choose_codes("figure2", (0,), ["planted:rating"])
    assert (planted.dataset, part) == ("planted", "planted_rating")
    assert dict(planted.indexer) == settings.PLANTED.indexer
    first = ":".join(suites.DATA[0])
    assert suite_choice.choose_codes("figure2", (0,), [first]).part == ""
    both = suite_choice.choose_codes("figure2", (0,), ["planted:rating", first])
    assert [block.dataset for block in both.blocks] == ["amazon/beauty", "planted"]
    assert both.part == "amazon_beauty_rating+planted_rating"
    with pytest.raises(ValueError, match=r"--datasets must be among.*'planted'\]"):
        suite_choice.choose_codes("figure2", (0,), ["planted"])


def reproduce(folder, *flags, check=True):
    command = [sys.executable, "-c", f"{SMALL}\napp.run(reproduce.main)"]
    command += ["--datasets=planted:rating", f"--workdir={folder}", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stderr[-3000:]
    return done


@pytest.mark.slow
def test_figures_share_what_they_measure_and_are_not_measured_again(tmp_path):
    few = ("--seeds=2", "--num_workers=1")
    output = reproduce(tmp_path, "--suite=figure1", *few).stdout
    assert "[10/10]" in output
    assert "pq-2             seed 1  error 0." in output
    assert "vq-1, moc-1" in output
    folder = tmp_path / "suites/figure1/parts/planted_rating"
    rows = [json.loads(r) for r in (folder / "results.jsonl").read_text().splitlines()]
    assert [(r["method"], r["num_codes"], r["seed"]) for r in rows] == [
        *(("vq", 1, 0), ("vq", 1, 1), ("moc", 1, 0), ("moc", 1, 1)),
        *(("moc", 2, 0), ("moc", 2, 1), ("pq", 1, 0), ("pq", 1, 1)),
        *(("pq", 2, 0), ("pq", 2, 1)),
    ]
    assert {(r["dataset"], r["protocol"]) for r in rows} == {("planted", "rating")}
    errors = {(r["method"], r["num_codes"]): r["relative_error"] for r in rows}
    assert errors["pq", 2] < errors["pq", 1] < 1
    assert "relative error" in (folder / "table.md").read_text()
    left = reproduce(tmp_path, "--suite=figure3", *few, "--dry_run").stdout
    assert "4 rows, 4 done, 0 left" in left
    more = reproduce(tmp_path, "--suite=figure3", "--seeds=3", "--dry_run").stdout
    assert "6 rows, 4 done, 2 left, about 0:00:" in more
    assert "4 of 4 runs were done before" in reproduce(
        tmp_path, "--suite=figure3", *few
    ).stdout  # fmt: skip
    assert (tmp_path / "suites/figure3/parts/planted_rating/results.jsonl").exists()


def test_a_suite_of_codes_has_no_rankers(tmp_path):
    done = reproduce(tmp_path, "--suite=figure1", "--models=dcn_v2", check=False)
    assert done.returncode == 1
    assert "has no rankers" in done.stdout + done.stderr
    assert "Received: ['dcn_v2']" in done.stdout + done.stderr
