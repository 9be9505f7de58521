"""The suites ask for what their tables need, and a small one runs to its table."""

import collections
import dataclasses
import json
import subprocess
import sys

import pytest

from experiments import settings, suite_choice, suites
from experiments.code_suites import CODE_SUITES
from experiments.datasets import Loader
from experiments.settings_search import SettingsSearch
from experiments.suite_progress import run_suite
from moc_tf.ranking import fusion, interactions
from moc_tf.training import Block, Method, Outcome, RankerConfig, Run, methods_named


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
    assert len(keys("figure4")) == 13 * 5
    assert keys("figure4") < keys("table1")


def help_of(module):
    command = [sys.executable, "-m", f"experiments.{module}", "--help"]
    return subprocess.run(command, capture_output=True, text=True).stdout


def test_flags_name_what_there_is():
    names = "|".join([*suites.SUITES, *CODE_SUITES])
    assert f"<{names}>" in help_of("reproduce")
    assert f"default: '{','.join(sorted(interactions.names()))}'" in help_of(
        "search_settings"
    )


def entry(**chosen):
    trials = [{"settings": chosen, "validation_auc": 0.6, "runs": 1}]
    return {"chosen": chosen, "methods": ["none-0"], "seeds": 1, "trials": trials}


def test_chosen_settings_are_used_and_are_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "CONFIGS", tmp_path)
    found = entry(learning_rate=0.5, hidden_units=(8, 4))
    of_indexers = entry(epochs=3)
    settings.keep(
        "amazon/beauty", "rating", settings.Searched(of_indexers, {"dcn_v2": found})
    )
    chosen = settings.setting("amazon/beauty", "rating", "dcn_v2")
    assert chosen.ranker.learning_rate == 0.5
    assert chosen.ranker.hidden_units == (8, 4)  # a tuple, which can be hashed
    assert chosen.indexer == {**settings.AMAZON.indexer, "epochs": 3}
    for dataset, protocol, model, learning_rate in (
        ("amazon/beauty", "rating", "deepfm", 1e-3),
        ("amazon/beauty", "implicit", "dcn_v2", 4e-3),
        ("planted", "implicit", "dcn_v2", 4e-3),
    ):
        ranker = settings.setting(dataset, protocol, model).ranker
        assert (ranker.model, ranker.learning_rate) == (model, learning_rate)
    # All rankers of a data set share indexers.
    same = dict(settings.indexer_setting("amazon/beauty", "rating"))
    assert same == settings.setting("amazon/beauty", "rating", "deepfm").indexer
    other_protocol = dict(settings.indexer_setting("amazon/beauty", "implicit"))
    assert other_protocol == settings.AMAZON.indexer


def test_a_search_of_some_rankers_keeps_what_was_found_for_the_others(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(settings, "CONFIGS", tmp_path / "configs")
    first = {"dcn_v2": entry(learning_rate=0.5), "dlrm": entry(learning_rate=0.1)}
    settings.keep("planted", "rating", settings.Searched(entry(epochs=3), first))
    second = {"dlrm": entry(learning_rate=0.2) | {"seeds": 3}, "ipnn": entry()}
    searched_anew = settings.Searched(entry(epochs=4), second)
    path = settings.keep("planted", "rating", searched_anew)
    assert json.loads(path.read_text()) == {
        "dataset": "planted",
        "protocol": "rating",
        "indexers": entry(epochs=4),
        "models": {"dcn_v2": first["dcn_v2"], **second},
    }
    settings.keep("planted", "rating", settings.Searched(None, {}))
    assert settings.searched("planted", "rating").indexers == entry(epochs=4)
    path.write_text(json.dumps({"chosen": {}}))
    with pytest.raises(ValueError, match=r"and 'models'.*Received: \['chosen'\]"):
        settings.keep("planted", "rating", searched_anew)


def test_settings_of_the_repository_are_those_with_the_best_trial():
    for path in settings.CONFIGS.glob("*.json"):
        found = json.loads(path.read_text())
        read = settings.searched(found["dataset"], found["protocol"])
        assert (read.indexers, read.models) == (found["indexers"], found["models"])
        for model, known in {"indexers": read.indexers, **read.models}.items():
            best = max(known["trials"], key=lambda trial: trial["validation_auc"])
            of_chosen = [t for t in known["trials"] if t["settings"] == known["chosen"]]
            assert of_chosen[0]["validation_auc"] == best["validation_auc"], model
            assert known["methods"]
            assert known["seeds"] >= 1


def test_a_part_of_a_suite_has_a_name_and_the_whole_has_none():
    every = [":".join(pair) for pair in suites.DATA]
    for datasets, models, part in (
        (None, None, ""),
        (every[::-1], list(suites.RANKERS), ""),
        (every[2:1:-1], None, "amazon_beauty_implicit"),
        (["planted:rating"], [], "planted_rating"),
        ([], ["dcn_v2", "deepfm"], "deepfm+dcn_v2"),
        (
            [every[1], every[0]],
            ["deepfm"],
            "amazon_beauty_rating+amazon_toys_and_games_rating+deepfm",
        ),
    ):
        chosen = suite_choice.choose("table1", range(2), datasets, models)
        assert chosen.part == part
        names = datasets or every
        found = {(f"{b.dataset}:{b.protocol}", b.ranker.model) for b in chosen.blocks}
        assert found == {(n, m) for n in names for m in models or suites.RANKERS}
        assert len(chosen.blocks) == len(found)
    assert suite_choice.choose("headline", range(2), every[:1]).part == ""


@pytest.mark.parametrize(
    ("suite", "datasets", "models", "message"),
    [
        ("table1", ["amazon/bauty:rating"], None, "--datasets.*'amazon/bauty:rating'"),
        ("table1", None, ["dcnv2", "deepfm"], r"--models must.*: \['dcnv2'\]"),
        ("headline", None, ["deepfm"], r"--models must be among \['dcn_v2'\]"),
        ("headline", ["amazon/beauty:rating", "planted:rating"], None, "a single data"),
    ],
)
def test_what_a_suite_lacks_is_an_error(suite, datasets, models, message):
    with pytest.raises(ValueError, match=message):
        suite_choice.choose(suite, range(1), datasets, models)


def test_reproduce_names_the_part_and_needs_a_finished_run_for_a_table(tmp_path):
    script = """
import pathlib
import moc_tf.training
from absl import app
from experiments import reproduce

class NothingWorks:
    def __init__(self, name, blocks, load, workdir, part, earlier):
        print(name, part, {block.ranker.model for block in blocks})
        self.folder, self.runs = pathlib.Path("there"), [1, 2]

    def run(self, num_workers):
        return iter(())

    def finished(self):
        return {}

moc_tf.training.Suite = NothingWorks
app.run(reproduce.main)
"""
    command = [sys.executable, "-c", script, "--suite=table1", "--models=dcn_v2"]
    command += ["--datasets=amazon/beauty:rating", f"--workdir={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.startswith("table1 amazon_beauty_rating+dcn_v2 {'dcn_v2'}")
    assert "2 runs failed" in done.stdout
    last = done.stderr.splitlines()[-1]
    assert last == "No run was finished, so that there is no table."
    assert "Traceback" not in done.stderr


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
    folder = tmp_path / "suites" / "headline" / "parts" / "planted_rating"
    rows = [json.loads(r) for r in (folder / "results.jsonl").read_text().splitlines()]
    auc = collections.defaultdict(list)
    for row in rows:
        auc[row["method"], row["variant"]].append(row["auc"])
    assert min(auc["moc", ""]) > max(auc["none", ""])
    assert "diverse" in (folder / "table.md").read_text()
    assert "12 runs, 12 done, 0 left" in run("reproduce", *arguments, "--dry_run")
    assert "12 of 12 runs were done before" in run("reproduce", *arguments)


def test_a_line_of_progress_tells_the_candidates_of_a_search_apart(capsys):
    ranker, moc = RankerConfig(), Method("moc", 2, "diverse")
    block = Block("planted", "rating", ranker, (("epochs", 1),), (moc,), (0,))
    other = dataclasses.replace(block, indexer=(("epochs", 2),))
    fused = dataclasses.replace(ranker, fusion="residual")
    blocks = [block, other, dataclasses.replace(block, ranker=fused)]

    class Running:
        def __init__(self):
            self.blocks, self.runs = blocks, [Run(i, moc, 0) for i in range(3)]

        def run(self, num_workers):
            yield Outcome(self.runs[1], None, "", True, False, 1, 1, 0.0, None)
            for run in self.runs:
                yield Outcome(run, {"auc": 0.5}, "", False, False, 1, 3, 0.0, None)

        def finished(self):
            return dict.fromkeys(self.runs)

    assert run_suite(Running(), 1) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    told = [[word for word in line if "=" in word] for line in lines]
    assert told == [
        ["epochs=2"],
        ["fusion=self_gating", "epochs=1"],
        ["fusion=self_gating", "epochs=2"],
        ["fusion=residual", "epochs=1"],
    ]
    assert all("moc-2-diverse" in line for line in lines)


def test_settings_of_indexers_are_searched_with_the_methods_that_have_them(
    monkeypatch, tmp_path
):
    asked = []

    def trials(self, name, tried, blocks):
        asked.append((name, {m.name for [block] in blocks for m in block.methods}))
        return [{"settings": t, "validation_auc": 0.5, "runs": 1} for t in tried]

    monkeypatch.setattr(SettingsSearch, "_trials", trials)
    methods = methods_named(["none", "moc", "rq_kmeans", "random"], [2])
    search = SettingsSearch("planted", "rating", methods, (0,), Loader(), tmp_path, 1)
    assert search.indexers(["dcn_v2"])["methods"] == ["moc-2"]
    assert asked == [("indexers_epochs", {"moc"})]
    search = SettingsSearch(
        "planted", "rating", methods[2:], (0,), Loader(), tmp_path, 1
    )
    assert search.indexers(["dcn_v2"]) is None


def searched(tmp_path, *flags):
    script = (
        "import pathlib, sys; from absl import app;"
        "from experiments import search_settings, settings;"
        f"settings.CONFIGS = pathlib.Path({str(tmp_path)!r});"
        "settings.SEARCHED_OF_INDEXERS = {'epochs': (1, 30)};"
        "settings.SEARCHED = {'rating': "
        "{'learning_rate': (1e-6, 4e-3), 'hidden_units': ((8,),)}};"
        "app.run(search_settings.main)"
    )
    command = [sys.executable, "-c", script, "--dataset=planted", *flags]
    command += [f"--workdir={tmp_path}", "--num_workers=1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((tmp_path / "planted_rating.json").read_text()), done.stdout


@pytest.mark.slow
def test_settings_are_searched_on_validation_data(tmp_path):
    found, _ = searched(tmp_path, "--models=deepfm,fmfm", "--methods=none")
    entry = found["models"]["deepfm"]
    assert found["indexers"] is None  # as "none" has no indexer
    assert entry["chosen"] == {"learning_rate": 4e-3, "hidden_units": [8]}
    assert found["models"]["fmfm"]["chosen"] == {"learning_rate": 4e-3}  # has no MLP
    assert (entry["methods"], entry["seeds"]) == (["none-0"], 1)
    low, high, small = (trial["validation_auc"] for trial in entry["trials"])
    assert low < min(high, small)


@pytest.mark.slow
def test_settings_of_indexers_are_searched_once_and_rankers_take_them(tmp_path):
    flags = ("--methods=none,moc", "--num_codes=3")
    found, _ = searched(tmp_path, "--models=dcn_v2", *flags)
    of_indexers = found["indexers"]
    assert of_indexers["models"] == ["dcn_v2"]
    assert of_indexers["methods"] == ["moc-3"]
    short, long = of_indexers["trials"]
    assert (short["settings"], long["settings"]) == ({"epochs": 1}, {"epochs": 30})
    assert long["validation_auc"] > short["validation_auc"]
    assert of_indexers["chosen"] == {"epochs": 30}
    found, told = searched(tmp_path, "--models=deepfm", *flags)
    assert found["indexers"] == of_indexers
    assert set(found["models"]) == {"dcn_v2", "deepfm"}
    assert "epochs" not in told
