"""What a person got wrong is told in a sentence, whichever binary it was asked of."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from moc_tf.code_table import CodeTable
from moc_tf.training import Predictions

ROOT = pathlib.Path(__file__).parents[2]
# Runs each command in a child of a process that has loaded what takes long.
EACH = """
import json, os, pathlib, runpy, sys
import experiments.datasets, moc_tf.training

folder, commands = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
for place, (module, *flags) in enumerate(commands):
    if child := os.fork():
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with open(folder / f"{place}.txt", "a") as told:
            told.write(f"\\nexit code {code}\\n")
        continue
    told = os.open(folder / f"{place}.txt", os.O_WRONLY | os.O_CREAT)
    os.dup2(told, 1)
    os.dup2(told, 2)
    sys.argv = [module, *flags]
    runpy.run_module(f"experiments.{module}", run_name="__main__", alter_sys=True)
"""
WRONG = {
    "reproduce --workdir=w": "'amazon/beauty' needs its files. Give --data_dir",
    "reproduce --workdir=w --dry_run": "needs its files. Give --data_dir",
    "reproduce --workdir=w --suite=figure1": "needs its files. Give --data_dir",
    "train_ranker --workdir=w --num_codes=7,7": "needs methods, all different",
    "train_ranker --workdir=w --methods=none,vq --variant=diverse": "'diverse' must be",
    "train_ranker --workdir=w --methods=moc:diverse --diversity_weight=0.5": (
        "there must be no --diversity_weight. Received: 0.5"
    ),
    "train_ranker --workdir=w --dataset=amazon/beauty --data_dir=empty": (
        "'reviews_Beauty_5.json.gz', 'meta_Beauty.json.gz'. The folder is empty"
    ),
    "train_ranker --workdir=indexers": "holds rows that are not of rankers",
    "quickstart --workdir=indexers": "holds rows that are not of rankers",
    "train_ranker --workdir=w --attributes=brand": "--interactions, which is missing",
    "train_ranker --workdir=w --interactions=log.csv": "--interactions needs --vectors",
    "train_ranker --workdir=w --interactions=log.csv --dataset=planted": (
        "there must be no --dataset and no --data_dir. Received: 'planted'"
    ),
    "train_ranker --workdir=w --interactions=log.csv --vectors=v.npz": (
        "There is no file log.csv"
    ),
    "search_settings --workdir=w --interactions=log.csv --vectors=v.npz": (
        "There is no file log.csv"
    ),
    "quickstart --workdir=w --num_codes=1": "needs at least 2 codes",
    "export_ranker --run=nowhere --out=o": "nowhere is not the folder of a run",
    "index_items --vectors=nowhere.npz --out=o": "nowhere.npz",
    "search_settings --workdir=w --dataset=amazon/books": "Received: 'amazon/books'",
    "search_settings --workdir=w --dataset=planted --models=foo": "Received: 'foo'",
    "compare_indexers --workdir=w --vectors=v --methods=foo": "Received: 'foo'",
    "compare_indexers --workdir=w --vectors=nowhere.npz": "nowhere.npz",
    "compare_runs --one=nowhere --other=nowhere": "nowhere",
    "compare_runs --one=one --other=other": (
        "same rows. Received: the test part of data aaaaaaaa"
    ),
    "compare_runs --one=empty --other=other": "finished run that keeps its model",
    "content_baseline --out=o": "needs its files. Give --data_dir",
    "content_baseline --out=o --datasets=books": "--datasets must be among",
    "content_baseline --out=o --datasets=amazon/books:rating": "amazon/books:rating",
    "encode_catalogue --out=o": "Flag --vectors must have a value",
    "inspect_codes --codes=nowhere": "nowhere",
    "inspect_codes --codes=codes --item=sop": "like it: 'soap'",
    "inspect_codes --codes=codes --item=soap --dataset=books": "'books'",
    "inspect_codes --codes=codes --similar=3": "name one with --item",
    "inspect_codes --codes=codes --item=soap --data_dir=d": "name one with --dataset",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What each command printed, and its exit code on the last line."""
    folder = tmp_path_factory.mktemp("usage")
    CodeTable(["soap", "comb"], [[0, 1], [1, 1]], 2).save(folder / "codes")
    (folder / "empty").mkdir()
    (folder / "indexers").mkdir()
    of_an_indexer = '{"method": "moc", "options": {}, "vectors_sha256": ""}\n'
    (folder / "indexers/results.jsonl").write_text(of_an_indexer)
    for name, data in (("one", "a" * 64), ("other", "b" * 64)):
        rows = np.zeros(4, np.float32)
        predictions = Predictions("test", data, rows, rows, rows.astype(int), rows > 0)
        predictions.save(folder / name)
    commands = json.dumps([command.split() for command in WRONG])
    subprocess.run(
        [sys.executable, "-c", EACH, str(folder), commands],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=True,
    )
    assert not (folder / "w").exists()
    assert not (folder / "o").exists()
    assert (folder / "indexers/results.jsonl").read_text() == of_an_indexer
    assert len(list((folder / "indexers").iterdir())) == 1
    return {
        command: (folder / f"{place}.txt").read_text()
        for place, command in enumerate(WRONG)
    }


@pytest.mark.parametrize("command", WRONG)
def test_what_is_wrong_is_told_in_a_sentence(command, told):
    found = told[command]
    assert "Traceback" not in found
    *_, sentence, code = filter(None, found.splitlines())
    assert WRONG[command] in sentence
    assert code == "exit code 1"
