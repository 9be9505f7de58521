"""The suites ask for what their tables need, and a small one runs to its table."""

import collections
import json
import subprocess
import sys

import pytest

from experiments import settings, suites
from moc_tf.ranking import fusion, interactions


def runs(name, data=suites.DATA, seeds=range(5)):
    return [
        (block, method, seed)
        for block in suites.SUITES[name](data, seeds)
        for method in block.methods
        for seed in block.seeds
    ]


def test_table1_has_a_run_for_each_cell():
    cells = collections.Counter(
        (b.dataset, b.protocol, b.ranker.model, method.id)
        for b, method, _ in runs("table1")
    )
    assert set(cells.values()) == {5}
    assert len(cells) == 5 * 4 * 14


def test_table2_has_every_fusion_of_every_method_and_scale():
    found = collections.Counter(
        (b.ranker.fusion, method.name, method.variant)
        for b, method, seed in runs("table2", suites.DATA[:1])
        if method.num_codes
    )
    assert {key[0] for key in found} == set(fusion.names())
    assert set(found.values()) == {3 * 5}


def test_suites_share_their_common_runs():
    def keys(name):
        return {(b.ranker, b.dataset, b.protocol, m, s) for b, m, s in runs(name)}

    assert len(keys("headline") - keys("table1")) == 0
    assert len(keys("table1") & keys("table2")) == 5 * 13 * 5


def help_of(module):
    command = [sys.executable, "-m", f"experiments.{module}", "--help"]
    return subprocess.run(command, capture_output=True, text=True).stdout


def test_flags_name_what_there_is():
    assert f"<{'|'.join(suites.SUITES)}>" in help_of("reproduce")
    assert f"default: '{','.join(sorted(interactions.names()))}'" in help_of(
        "search_settings"
    )


def test_chosen_settings_are_used_and_are_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "CONFIGS", tmp_path)
    found = {"chosen": {"dcn_v2": {"learning_rate": 0.5}}}
    (tmp_path / "amazon_beauty_rating.json").write_text(json.dumps(found))
    chosen = settings.setting("amazon/beauty", "rating", "dcn_v2")
    assert chosen.ranker.learning_rate == 0.5
    for other in (
        ("amazon/beauty", "rating", "deepfm"),
        ("amazon/beauty", "implicit", "dcn_v2"),
    ):
        ranker = settings.setting(*other).ranker
        assert ranker.model == other[2]
        assert ranker.learning_rate == settings.AMAZON.ranker.learning_rate


def run(module, *arguments):
    command = [sys.executable, "-m", f"experiments.{module}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_a_suite_runs_to_its_table_and_is_not_run_again(tmp_path):
    arguments = (
        "--suite=headline",
        "--datasets=planted:rating",
        f"--workdir={tmp_path}",
        "--seeds=2",
    )
    assert "12 runs, 0 done, 12 left" in run("reproduce", *arguments, "--dry_run")
    output = run("reproduce", *arguments)
    assert "[12/12]" in output
    folder = tmp_path / "suites" / "headline"
    rows = [json.loads(r) for r in (folder / "results.jsonl").read_text().splitlines()]
    auc = collections.defaultdict(list)
    for row in rows:
        auc[row["method"], row["variant"]].append(row["auc"])
    assert min(auc["moc", ""]) > max(auc["none", ""])
    assert "diverse" in (folder / "table.md").read_text()
    assert "12 runs, 12 done, 0 left" in run("reproduce", *arguments, "--dry_run")
    assert "12 of 12 runs were done before" in run("reproduce", *arguments)


@pytest.mark.slow
def test_settings_are_searched_on_validation_data(tmp_path, monkeypatch):
    script = (
        "import pathlib, sys; from absl import app;"
        "from experiments import search_settings, settings;"
        f"settings.CONFIGS = pathlib.Path({str(tmp_path)!r});"
        "settings.SEARCHED = {'learning_rate': (1e-6, 4e-3), 'average_decay': (0.0,)};"
        "app.run(search_settings.main)"
    )
    command = [sys.executable, "-c", script, "--dataset=planted", "--models=deepfm"]
    command += [f"--workdir={tmp_path}", "--methods=none", "--num_workers=1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "planted_rating.json").read_text())
    assert found["chosen"] == {"deepfm": {"learning_rate": 4e-3, "average_decay": 0.0}}
    low, high, again = (trial["validation_auc"] for trial in found["trials"])
    assert low < high == again
