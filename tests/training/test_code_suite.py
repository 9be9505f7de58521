"""Figures of codes are measured once, shared, resumed and, if failed, recorded."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from moc_tf.code_table import CodeTable
from moc_tf.data import prepare_ranking_data
from moc_tf.evaluation import cluster_agreement, label_information
from moc_tf.indexing import load_indexer
from moc_tf.indexing.kmeans import kmeans_clusters
from moc_tf.training import CodeBlock, CodeFigures, CodeSuite, Method
from moc_tf.training.method_codes import MethodCodes

INDEXER = (("codebook_size", 16), ("hidden_units", (16,)), ("epochs", 1))
CLUSTERS = 12
PQ, KMEANS, VQ = Method("pq", 2), Method("rq_kmeans", 2), Method("vq", 1)


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

    def make(name, *methods, seeds=(0, 1), **options):
        named = tuple((method.name, method) for method in methods)
        block = CodeBlock("planted", "rating", INDEXER, named, seeds, CLUSTERS)
        return CodeSuite(name, [block], load, tmp_path, **options)

    return make


@pytest.fixture
def fits(monkeypatch):
    """Method and seed of each fit, as it is done."""
    done, fitted = [], MethodCodes._fitted

    def counting(self, method, seed):
        done.append((method.id, seed))
        return fitted(self, method, seed)

    monkeypatch.setattr(MethodCodes, "_fitted", counting)
    return done


def rows(suite, name="results"):
    lines = (suite.folder / f"{name}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_figures_are_those_of_the_codes_that_rankers_read(data, planted, tmp_path):
    options = dict(INDEXER)
    table = MethodCodes(data, planted.vectors, options, tmp_path, {}).table(KMEANS, 3)
    figures = CodeFigures(data, planted.vectors, options, tmp_path, CLUSTERS)
    assert figures.finished(KMEANS, 3) is None
    found = figures.measure(KMEANS, 3)
    (path,) = tmp_path.glob("indexers/rq_kmeans-2/seed-3-*")  # none was fitted anew
    quality = load_indexer(path).quality(planted.vectors.vectors)
    assert found["relative_error"] == pytest.approx(quality.relative_error)
    assert found["pairwise_nmi"] == [list(line) for line in quality.pairwise_nmi]
    assert (found["mean_nmi"], found["chance_nmi"]) == (
        quality.mean_nmi,
        quality.chance_nmi,
    )
    of_items = kmeans_clusters(planted.vectors.vectors, CLUSTERS, seed=0)
    agreement = cluster_agreement(table.codes, of_items)
    train = data.train
    told = label_information(table.codes, train.item_rows, train.labels)
    for expected in (agreement, told):
        for name, value in dataclasses.asdict(expected).items():
            assert found[name] == value
    assert figures.finished(KMEANS, 3) == found
    assert found["data_sha256"] == data.sha256


def test_other_clusters_are_other_figures(data, planted, tmp_path):
    options = dict(INDEXER)
    few = CodeFigures(data, planted.vectors, options, tmp_path, 2)
    many = CodeFigures(data, planted.vectors, options, tmp_path, 50)
    found = few.measure(PQ, 0)
    assert many.finished(PQ, 0) is None
    assert many.measure(PQ, 0)["cluster_nmi"] != found["cluster_nmi"]
    assert few.run_id(PQ, 0) != many.run_id(PQ, 0)
    assert len(list(tmp_path.glob("clusters/*.npy"))) == 2


def test_other_labels_are_other_figures_of_the_same_codes(data, planted, tmp_path):
    options = dict(INDEXER)
    implicit = prepare_ranking_data(
        planted.interactions, planted.catalogue, "implicit", "planted"
    )
    one = CodeFigures(data, planted.vectors, options, tmp_path, CLUSTERS)
    other = CodeFigures(implicit, planted.vectors, options, tmp_path, CLUSTERS)
    assert one.run_id(PQ, 0) != other.run_id(PQ, 0)
    found, others = one.measure(PQ, 0), other.measure(PQ, 0)
    assert found["relative_error"] == others["relative_error"]
    assert found["label_bits"] != others["label_bits"]
    assert len(list(tmp_path.glob("codes/pq-*/*"))) == 1


def test_a_method_without_codes_has_no_figures(data, planted, tmp_path):
    figures = CodeFigures(data, planted.vectors, dict(INDEXER), tmp_path, CLUSTERS)
    with pytest.raises(ValueError, match=r"that have some\. Received: 'none'"):
        figures.measure(Method("none", 0), 0)


def test_suites_share_code_sets_and_go_on(make, fits, tmp_path):
    first = make("figure1", PQ, KMEANS)
    outcomes = list(first.run())
    assert [o.done for o in outcomes] == [1, 2, 3, 4]
    assert outcomes[-1].seconds_left == 0
    assert not any(o.resumed for o in outcomes)
    assert [
        (r["suite"], r["method"], r["num_codes"], r["seed"]) for r in rows(first)
    ] == [
        ("figure1", "pq", 2, 0),
        ("figure1", "pq", 2, 1),
        ("figure1", "rq_kmeans", 2, 0),
        ("figure1", "rq_kmeans", 2, 1),
    ]
    assert len(fits) == 4
    fits.clear()
    second = make("figure3", KMEANS, PQ, Method("pq", 3))
    outcomes = list(second.run())
    assert fits == [("pq-3", 0), ("pq-3", 1)]
    assert [o.resumed for o in outcomes] == [True] * 4 + [False] * 2
    assert rows(second)[0] == {**rows(first)[2], "suite": "figure3"}
    # Broken off in the middle: what was measured is not measured again.
    fits.clear()
    third = make("third", PQ, Method("pq", 4))
    running = third.run()
    assert [next(running).resumed for _ in range(3)] == [True, True, False]
    running.close()
    assert len(rows(third)) == 3
    assert len(third.finished()) == 3
    assert [o.resumed for o in third.run()] == [True] * 3 + [False]
    assert fits == [("pq-4", 0), ("pq-4", 1)]


def test_a_method_that_has_two_names_is_measured_once(data, planted, fits, tmp_path):
    methods = (("vq", VQ), ("pq", PQ), ("moc", VQ))
    block = CodeBlock("planted", "rating", INDEXER, methods, (0,), CLUSTERS)
    suite = CodeSuite("figure1", [block], Load(data, planted.vectors), tmp_path)
    outcomes = list(suite.run())
    assert [[run.name for run in o.runs] for o in outcomes] == [["pq"], ["vq", "moc"]]
    assert [o.done for o in outcomes] == [1, 3]
    assert sorted(fits) == [("pq-2", 0), ("vq-1", 0)]
    vq, _, moc = rows(suite)
    assert moc == {**vq, "method": "moc"}
    assert vq["mean_nmi"] is None


@pytest.mark.slow
def test_two_processes_measure_what_one_does(make, tmp_path):
    alone = make("alone", PQ, KMEANS, seeds=(0,))
    list(alone.run())
    expected = rows(alone)
    for folder in tmp_path.iterdir():
        shutil.rmtree(folder)
    together = make("alone", PQ, KMEANS, seeds=(0,))
    assert [o.error for o in together.run(num_workers=2)] == [""] * 2
    for row, other in zip(rows(together), expected, strict=True):
        assert (row["method"], row["run"]) == (other["method"], other["run"])
        assert row["relative_error"] == pytest.approx(other["relative_error"], abs=0.02)
        assert row["cluster_ami"] == pytest.approx(other["cluster_ami"], abs=0.05)


def test_a_failure_is_recorded_and_tried_again(make, monkeypatch):
    broken = make("broken", PQ, KMEANS)
    whole = CodeFigures.measure

    def fails(self, method, seed):
        if (method, seed) == (PQ, 1):
            raise RuntimeError("out of luck")
        return whole(self, method, seed)

    monkeypatch.setattr(CodeFigures, "measure", fails)
    outcomes = list(broken.run())
    assert [bool(o.error) for o in outcomes] == [False, True, False, False]
    assert outcomes[1].row is None
    assert len(rows(broken)) == 3
    (failure,) = rows(broken, "failures")
    assert failure.pop("error").endswith("RuntimeError: out of luck\n")
    assert failure == {
        "dataset": "planted",
        "protocol": "rating",
        "method": "pq",
        "num_codes": 2,
        "seed": 1,
    }
    monkeypatch.undo()
    assert [o.resumed for o in broken.run()] == [True, True, True, False]
    assert rows(broken, "failures") == []


def test_figures_that_were_broken_off_are_measured_from_the_codes(make, fits, tmp_path):
    suite = make("figure1", PQ, seeds=(0,))
    list(suite.run())
    (result,) = tmp_path.glob("code_figures/pq-2/*/result.json")
    before = rows(suite)
    result.unlink()
    fits.clear()
    list(suite.run())
    assert fits == []
    same = {**rows(suite)[0], "seconds": before[0]["seconds"]}
    assert same == before[0]
    assert len(list(tmp_path.glob("codes/pq-2/*"))) == 1
    assert isinstance(CodeTable.load(*tmp_path.glob("codes/pq-2/*")).codes, np.ndarray)


def test_rows_of_another_machine_are_taken_over(make, fits, tmp_path):
    there = make("there", PQ)
    list(there.run())
    earlier = rows(there)
    shutil.rmtree(tmp_path / "code_figures")
    fits.clear()
    here = make("here", PQ, Method("pq", 3), seeds=(1,), earlier=earlier)
    assert [o.resumed for o in here.run()] == [True, False]
    assert fits == [("pq-3", 1)]
    assert rows(here)[0] == {**earlier[1], "suite": "here"}


def test_a_part_has_results_of_its_own_and_nothing_is_no_suite(make, tmp_path):
    part = make("figure1", PQ, seeds=(0,), part="planted_rating")
    list(part.run())
    assert part.folder == tmp_path / "suites/figure1/parts/planted_rating"
    assert len(rows(part)) == 1
    with pytest.raises(ValueError, match="must have runs"):
        make("odd")
