"""Runs of a suite are shared, resumed and, where they fail, recorded."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from moc_tf.code_table import CodeTable
from moc_tf.data import prepare_ranking_data
from moc_tf.training import Block, Comparison, Method, RankerConfig, Suite

RANKER = RankerConfig(batch_size=1024, max_epochs=1, embedding_dim=4, hidden_units=(4,))
INDEXER = (("codebook_size", 16), ("hidden_units", (16,)), ("epochs", 1))
NONE, MOC = Method("none", 0), Method("moc", 2)


@dataclasses.dataclass(frozen=True)
class Load:
    data: object = dataclasses.field(compare=False)
    vectors: object = dataclasses.field(compare=False)

    def __call__(self, dataset, protocol):
        assert (dataset, protocol) == ("planted", "rating")
        return self.data, self.vectors


@pytest.fixture
def make(data, planted, tmp_path):
    load = Load(data, planted.vectors)

    def make(name, *methods, ranker=RANKER, seeds=(0, 1), **options):
        block = Block("planted", "rating", ranker, INDEXER, methods, seeds)
        return Suite(name, [block], load, tmp_path, **options)

    return make


def runs(suite, **options):
    return [o for o in suite.run(**options) if not o.of_indexer]


def rows(suite, name="results"):
    lines = (suite.folder / f"{name}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.slow
def test_a_run_that_two_suites_share_is_done_once(make, tmp_path):
    first = make("first", NONE, MOC)
    outcomes = list(first.run())
    indexers = [o for o in outcomes if o.of_indexer]
    assert [(o.run.method, o.done, o.total) for o in indexers] == [
        (MOC, 1, 2),
        (MOC, 2, 2),
    ]
    outcomes = outcomes[2:]
    assert [o.done for o in outcomes] == [1, 2, 3, 4]
    assert not any(o.resumed for o in outcomes)
    assert outcomes[-1].seconds_left == 0
    assert [(r["suite"], r["method"], r["seed"]) for r in rows(first)] == [
        ("first", "none", 0),
        ("first", "none", 1),
        ("first", "moc", 0),
        ("first", "moc", 1),
    ]
    second = make("second", MOC, Method("moc", 2, "diverse"), seeds=(1, 2))
    outcomes = runs(second)
    assert [(o.run.method.variant, o.run.seed) for o in outcomes if o.resumed] == [
        ("", 1)
    ]
    assert len(rows(second)) == 4
    assert {r["suite"] for r in rows(second)} == {"second"}
    shared = {**rows(first)[3], "suite": "second"}
    assert rows(second)[0] == shared
    assert len(list(tmp_path.glob("runs/*/*/*/*/result.json"))) == 7
    assert not list(tmp_path.glob("runs/*/*/*/*/checkpoint"))


@pytest.mark.slow
def test_variants_are_made_with_their_options(make, tmp_path):
    list(make("variants", MOC, Method("moc", 2, "diverse"), seeds=(0,)).run())
    weights = [
        json.loads(path.read_text())["indexer"]["diversity_weight"]
        for path in tmp_path.glob("runs/dcn_v2/moc-2*/*/*/config.json")
    ]
    assert sorted(weights) == [0.0, 1.0]


@pytest.mark.slow
def test_two_processes_do_what_one_does(make, tmp_path):
    methods = (NONE, Method("me", 2), MOC)
    alone = make("alone", *methods, seeds=(0,))
    list(alone.run())
    expected = rows(alone)
    for folder in tmp_path.iterdir():
        shutil.rmtree(folder)
    together = make("together", *methods, seeds=(0,))
    outcomes = list(together.run(num_workers=2))
    assert [o.error for o in outcomes] == [""] * 5  # two indexers, three runs
    for row, other in zip(rows(together), expected, strict=True):
        assert row["auc"] == pytest.approx(other["auc"], abs=1e-3)
        assert (row["method"], row["variant"]) == (other["method"], other["variant"])


def test_a_run_that_fails_is_recorded_and_tried_again(make, monkeypatch):
    broken = make("broken", NONE, MOC)
    comparison = type(broken._comparison(0))
    whole = comparison.run_one

    def fails(self, method, seed):
        if (method, seed) == (NONE, 1):
            raise RuntimeError("out of luck")
        return whole(self, method, seed)

    monkeypatch.setattr(comparison, "run_one", fails)
    outcomes = runs(broken)
    assert [bool(o.error) for o in outcomes] == [False, True, False, False]
    assert outcomes[1].row is None
    assert len(rows(broken)) == 3
    (failure,) = rows(broken, "failures")
    assert failure["error"].endswith("RuntimeError: out of luck\n")
    assert (failure["method"], failure["seed"]) == ("none", 1)
    monkeypatch.undo()
    assert [o.resumed for o in runs(broken)] == [True, True, True, False]
    assert len(rows(broken)) == 4
    assert rows(broken, "failures") == []


def test_a_failure_tells_its_configuration_as_a_result_does(
    data, planted, tmp_path, monkeypatch
):
    def fails(self, method, seed):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(Comparison, "run_one", fails)
    pq = Method("pq", 2, "shuffled")
    block = Block("planted", "rating", RANKER, INDEXER, (pq,), (0,))
    changed = {"fusion": "residual", "learning_rate": 0.5}
    ranker = dataclasses.replace(RANKER, **changed)
    other = dataclasses.replace(block, ranker=ranker)
    suite = Suite("odd", [block, other], Load(data, planted.vectors), tmp_path)
    list(suite.run())
    plain, failure = rows(suite, "failures")
    assert failure.pop("error").endswith("out of luck\n")
    assert failure == {
        **{"dataset": "planted", "protocol": "rating", "model": "dcn_v2"},
        **{"method": "pq", "num_codes": 2, "fusion": "residual"},
        **{"variant": "shuffled", "learning_rate": 0.5, "seed": 0},
    }
    assert (plain["fusion"], plain["learning_rate"]) == ("self_gating", 1e-3)


def test_what_is_done_is_found_without_asking_twice(make, monkeypatch):
    suite = make("quick", NONE, MOC)
    suite.finished()
    asked = []
    directory = Comparison._run_directory

    def counted(self, method, seed):
        asked.append((method, seed))
        return directory(self, method, seed)

    monkeypatch.setattr(Comparison, "_run_directory", counted)
    monkeypatch.setattr("importlib.metadata.version", asked.append)
    suite.finished()
    assert asked == [(run.method, run.seed) for run in suite.runs]


def test_rankers_are_not_trained_on_codes_that_could_not_be_made(make, monkeypatch):
    broken = make("broken", NONE, MOC, seeds=(0,))

    def fails(self, method, seed):
        raise RuntimeError("no codes")

    monkeypatch.setattr(type(broken._comparison(0)), "make_codes", fails)
    outcomes = list(broken.run())
    assert [(o.of_indexer, o.run.method, bool(o.error)) for o in outcomes] == [
        (True, MOC, True),
        (False, NONE, False),
    ]
    assert [r["method"] for r in rows(broken)] == ["none"]
    assert [r["method"] for r in rows(broken, "failures")] == ["moc"]


def test_methods_with_the_same_codes_share_an_indexer(make, tmp_path):
    suite = make("me", Method("vq", 1), Method("me", 2), Method("me", 3), seeds=(0,))
    outcomes = list(suite.run())
    assert [o.run.method.name for o in outcomes if o.of_indexer] == ["vq"]
    assert [r["num_codes"] for r in rows(suite)] == [1, 2, 3]
    (vq,), (two,), (three,) = (
        [CodeTable.load(path) for path in tmp_path.glob(f"codes/{name}/*")]
        for name in ("vq-1", "me-2", "me-3")
    )
    assert (two.tables_per_code, three.tables_per_code) == (2, 3)
    np.testing.assert_array_equal(two.codes, vq.codes)
    np.testing.assert_array_equal(three.codes, vq.codes)
    assert {path.parent.name for path in tmp_path.glob("indexer_logs/*/*")} == {"vq-1"}


def test_settings_are_chosen_without_the_test_part(make, data):
    suite = make("search", NONE, seeds=(0,), split="validation")
    list(suite.run())
    (row,) = rows(suite)
    assert row["split"] == "validation"
    assert row["auc"] == row["validation_auc"]
    # A result on the test part is another run.
    assert [o.resumed for o in make("table", NONE, seeds=(0,)).run()] == [False]


def test_a_suite_without_runs_or_of_distributed_trainings_is_refused(make):
    with pytest.raises(ValueError, match="must have runs"):
        make("odd")
    shared = dataclasses.replace(RANKER, distribution="mirrored")
    with pytest.raises(ValueError, match=r"cannot be distributed.*'mirrored'"):
        make("odd", NONE, ranker=shared)


def test_blocks_that_ask_for_the_same_run_are_refused(data, planted, tmp_path):
    block = Block("planted", "rating", RANKER, INDEXER, (NONE,), (0,))
    # An indexer of its own makes no difference to a method without codes.
    other = dataclasses.replace(block, indexer=(("epochs", 2),), methods=(MOC, NONE))
    suite = Suite("odd", [block, other], Load(data, planted.vectors), tmp_path)
    with pytest.raises(ValueError, match=r"twice .*'none'.* in blocks 0 and 1"):
        list(suite.run())


def test_an_indexer_that_blocks_share_is_fitted_once(data, planted, tmp_path):
    """`pq` has no epochs, so that both blocks want one and the same."""
    pq = Method("pq", 2)
    block = Block("planted", "rating", RANKER, INDEXER, (pq,), (0,))
    deepfm = dataclasses.replace(RANKER, model="deepfm")
    more = (*INDEXER[:2], ("epochs", 2))
    other = dataclasses.replace(block, ranker=deepfm, indexer=more)
    suite = Suite("one", [block, other], Load(data, planted.vectors), tmp_path)
    assert [o.of_indexer for o in suite.run()] == [True, False, False]


@dataclasses.dataclass(frozen=True)
class LoadEither(Load):
    implicit: object = dataclasses.field(compare=False)

    def __call__(self, dataset, protocol):
        return self.data if protocol == "rating" else self.implicit, self.vectors


@pytest.mark.slow
def test_a_data_set_is_finished_before_the_next(data, planted, tmp_path):
    implicit = prepare_ranking_data(
        planted.interactions, planted.catalogue, "implicit", "planted"
    )
    load = LoadEither(data, planted.vectors, implicit)
    pq = Method("pq", 2)
    blocks = [
        Block("planted", protocol, RANKER, INDEXER, (NONE, pq), (0,))
        for protocol in ("rating", "implicit")
    ]
    suite = Suite("both", blocks, load, tmp_path)
    outcomes = list(suite.run())
    assert [(suite.blocks[o.run.block].protocol, o.of_indexer) for o in outcomes] == [
        *(("rating", True), ("rating", False), ("rating", False)),
        *(("implicit", True), ("implicit", False), ("implicit", False)),
    ]
    assert [o.done for o in outcomes] == [1, 1, 2, 1, 3, 4]
    assert [row["protocol"] for row in rows(suite)] == ["rating"] * 2 + ["implicit"] * 2


def test_runs_of_another_machine_are_taken_over(make, tmp_path):
    there = make("there", NONE)
    list(there.run())
    earlier = rows(there)
    shutil.rmtree(tmp_path / "runs")
    here = make("here", NONE, earlier=earlier[1:])
    assert [(o.run.seed, o.resumed) for o in runs(here)] == [(1, True), (0, False)]
    assert rows(here)[1] == {**earlier[1], "suite": "here"}
    assert len(list(tmp_path.glob("runs/*/*/*/*/result.json"))) == 1


def test_rows_that_are_there_stay_there(make, tmp_path):
    there = make("there", NONE)
    list(there.run())
    taken_over = rows(there)
    shutil.rmtree(tmp_path / "runs")
    list(make("here", NONE, earlier=taken_over).run())
    again = make("here", NONE)  # without the earlier rows
    assert [o.resumed for o in runs(again)] == [True, True]
    assert rows(again) == [{**row, "suite": "here"} for row in taken_over]


def test_rows_that_the_blocks_do_not_ask_for_are_kept(make, tmp_path, monkeypatch):
    list(make("here", NONE).run())
    before = rows(make("here", NONE))
    shutil.rmtree(tmp_path / "runs")  # the rows are all that is left of them
    fewer = make("here", NONE, seeds=(0,))
    list(fewer.run())
    assert rows(fewer) == before[:1]
    monkeypatch.setattr("moc_tf.__version__", "9.9.9")
    list(make("here", NONE, seeds=(0,)).run())
    assert rows(fewer)[0]["package_versions"]["moc_tf"] == "9.9.9"
    monkeypatch.undo()
    again = make("here", NONE)
    assert [o.resumed for o in again.run()] == [True, True]
    assert rows(again) == before


def test_rows_that_cannot_be_read_are_an_error(make, tmp_path):
    path = make("here", NONE).folder / "results.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text('{"run": 1}\n{"ru')
    with pytest.raises(ValueError, match=r"results.jsonl must hold .* Remove it"):
        make("here", NONE)
    assert path.read_text() == '{"run": 1}\n{"ru'


@pytest.mark.parametrize(
    "change",
    [
        {"ranker": dataclasses.replace(RANKER, max_epochs=2)},
        {"seeds": (2,)},
        {"split": "validation"},
    ],
)
def test_runs_of_other_settings_are_not_taken_over(make, change):
    there = make("there", NONE, seeds=(0,))
    list(there.run())
    here = make("here", NONE, **{"seeds": (0,), **change}, earlier=rows(there))
    assert here.finished() == {}


def test_a_part_has_results_of_its_own(make, tmp_path):
    list(make("whole", NONE, seeds=(0,)).run())
    part = make("whole", NONE, seeds=(1,), part="later")
    list(part.run())
    assert part.folder == tmp_path / "suites" / "whole" / "parts" / "later"
    assert [r["seed"] for r in rows(part)] == [1]
    assert [r["seed"] for r in rows(make("whole", NONE))] == [0]


def test_runs_without_models_are_done_again_where_models_are_kept(
    make, data, planted, tmp_path
):
    list(make("light", NONE, seeds=(0,)).run())
    options = dict(INDEXER)
    comparison = Comparison(
        "whole", data, planted.vectors, [NONE], [0], RANKER, options, tmp_path
    )
    row, was_done = comparison.run_one(NONE, 0)
    assert not was_done
    assert len(list(tmp_path.glob("runs/*/*/*/*/serving.json"))) == 1
    assert comparison.run_one(NONE, 0) == (row, True)
    assert [o.resumed for o in make("light", NONE, seeds=(0,)).run()] == [True]
