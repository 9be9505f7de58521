import concurrent.futures
import json
import operator
import shutil
import time

import numpy as np
import pytest
import tensorflow as tf

from moc_tf.code_table import CodeTable
from moc_tf.data import ItemVectors
from moc_tf.data.serving_data import ServingData
from moc_tf.indexing import load_indexer
from moc_tf.training import Comparison, Method, RankerConfig, export_run
from moc_tf.training.serving_record import keep_serving_data, keep_table

RESULT_KEYS = (
    "suite dataset protocol model method num_codes fusion variant seed split run auc "
    "logloss gauc gauc_unweighted normalized_entropy calibration calibration_error "
    "auc_new_items auc_tail_items auc_middle_items auc_head_items auc_new_users "
    "auc_light_users auc_heavy_users validation_auc best_epoch num_epochs "
    "information_abundance code_spectrum num_parameters train_seconds "
    "examples_per_second peak_rss_mb data_sha256 package_versions"
).split()
METHODS = [Method("none", 0), Method("moc", 2), Method("true_factors", 6)]


@pytest.fixture
def make(data, planted, tmp_path):
    def make(methods=METHODS, seeds=(0, 1), epochs=2, vectors=planted.vectors):
        return Comparison(
            "test",
            data,
            vectors,
            methods,
            seeds,
            RankerConfig(batch_size=1024, max_epochs=2, embedding_dim=4),
            {"codebook_size": 16, "hidden_units": (16,), "epochs": epochs},
            tmp_path,
            {"true_factors": planted.true_factors},
        )

    return make


def only(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


def outcome(progress):
    noisy = ("train_seconds", "examples_per_second", "peak_rss_mb")
    return [{k: v for k, v in p.result.items() if k not in noisy} for p in progress]


def test_every_method_and_seed_has_one_flat_result(make, tmp_path):
    progress = list(make().run())
    assert [(p.result["method"], p.result["seed"]) for p in progress] == [
        (method.name, seed) for method in METHODS for seed in (0, 1)
    ]
    assert [p.done for p in progress] == [1, 2, 3, 4, 5, 6]
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [p.result for p in progress]
    for result in map(json.loads, lines):
        assert list(result) == RESULT_KEYS
        assert result["split"] == "test"
        assert result["num_epochs"] == 2 > result["best_epoch"] >= 0
        assert result["fusion"] == (
            "none" if result["num_codes"] == 0 else "self_gating"
        )


def test_finished_runs_are_not_done_again(make, tmp_path):
    methods = [METHODS[0], METHODS[2]]
    first = list(make(methods).run())
    assert not any(p.resumed for p in first)
    second = list(make(methods).run())
    assert all(p.resumed for p in second)
    assert outcome(second) == outcome(first)
    of_second_seed = "runs/dcn_v2/true_factors-6/self_gating/seed-1-*/result.json"
    only(tmp_path, of_second_seed).unlink()
    third = list(make(methods).run())
    assert [p.resumed for p in third] == [True, True, True, False]
    assert outcome(third) == outcome(first)


@pytest.mark.slow  # a suite's two workers are tested by default
def test_two_workers_do_what_one_does(make, tmp_path):
    methods = [METHODS[0], METHODS[2]]
    alone = outcome(make(methods).run())
    shutil.rmtree(tmp_path)
    together = outcome(make(methods).run(num_workers=2))
    key = operator.itemgetter("method", "seed")
    for one, other in zip(
        sorted(alone, key=key), sorted(together, key=key), strict=True
    ):
        assert key(one) == key(other)
        assert other["auc"] == pytest.approx(one["auc"], abs=1e-3)
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    assert [key(json.loads(line)) for line in lines] == [
        (method.name, seed) for method in methods for seed in (0, 1)
    ]


def test_another_setting_is_run_anew_and_the_old_run_stays(make):
    list(make([Method("moc", 2)], seeds=[0]).run())
    (progress,) = make([Method("moc", 2)], seeds=[0], epochs=3).run()
    assert not progress.resumed
    (progress,) = make([Method("moc", 2)], seeds=[0]).run()
    assert progress.resumed


def test_codes_come_with_their_indexer_and_provenance(make, data, planted, tmp_path):
    list(make([Method("moc", 2)], seeds=[1]).run())
    table = CodeTable.load(only(tmp_path, "codes/moc-2/seed-1-*"))
    indexer = load_indexer(only(tmp_path, "indexers/moc-2/seed-1-*"))
    np.testing.assert_array_equal(indexer.encode(planted.vectors.vectors), table.codes)
    manifest = table.manifest
    assert manifest["method"] == "moc"
    assert manifest["configuration"]["seed"] == 1
    assert manifest["fit"]["items"] == len(data.training_items) < len(table)
    assert manifest["training_items_sha256"] == data.training_items_sha256()
    assert manifest["vectors_sha256"] == planted.vectors.sha256()
    assert 0 < manifest["quality"]["relative_error"] < 1.5
    assert manifest["versions"]["moc_tf"]


@pytest.mark.slow
def test_controls_without_codes_have_as_many_fields(data, planted, tmp_path):
    controls = [Method("none", 0), Method("id_me", 2), Method("adaptor", 2)]
    ranker = RankerConfig(
        hidden_units=(16,),
        embedding_dim=4,
        learning_rate=0.02,
        batch_size=512,
        max_epochs=4,
    )
    comparison = Comparison(
        "test", data, planted.vectors, controls, [0], ranker, {}, tmp_path
    )
    results = {p.result["method"]: p.result for p in comparison.run()}
    assert [r["num_codes"] for r in results.values()] == [0, 2, 2]
    assert [r["fusion"] for r in results.values()] == ["none", *["self_gating"] * 2]
    assert not (tmp_path / "codes").exists()

    sizes = {f.name: f.vocabulary_size for f in data.schema.categorical}
    dims = planted.vectors.vectors.shape[1]

    def parameters(num_codes):  # of all but what makes the fields of the method
        width = (len(sizes) + num_codes) * 4
        crossed, mlp = 3 * (width**2 + width), (width + 1) * 16
        fusion = 2 * (num_codes * 4) * (num_codes * 4 // 4)
        return sum(sizes.values()) * 4 + fusion + crossed + mlp + width + 16 + 1

    assert {name: result["num_parameters"] for name, result in results.items()} == {
        "none": parameters(0),
        "id_me": parameters(2) + 2 * sizes["item"] * 4,
        "adaptor": parameters(2) + 2 * ((dims + 1) * 16 + (16 + 1) * 4),
    }
    # What vectors say is true of new items too; more tables of ids say nothing of them.
    new = {name: result["auc_new_items"] for name, result in results.items()}
    assert new["adaptor"] > max(new["none"], new["id_me"]) + 0.1

    assert all(progress.resumed for progress in comparison.run())

    # The same when served: two new items are told apart by their vectors alone.
    unseen = np.delete(data.item_ids, data.training_items)[:2]
    request = {"user": tf.constant(["someone"] * 2), "item": tf.constant(unseen)}
    different = {}
    for name in ("id_me", "adaptor"):
        run = only(tmp_path, f"runs/dcn_v2/{name}-2/self_gating/seed-0-*")
        export_run(run, tmp_path / f"export-{name}")
        served = tf.saved_model.load(tmp_path / f"export-{name}")
        logits = served.signatures["serving_default"](**request)["logit"].numpy()
        different[name] = logits[0] != logits[1]
    assert different == {"id_me": False, "adaptor": True}


def test_a_table_cannot_take_the_name_of_a_control(data, planted, tmp_path):
    taken = {"id_me": planted.true_factors}
    methods, ranker = [Method("none", 0)], RankerConfig()
    message = r"\['none', 'adaptor', 'id_me'\] stand.*Received: .*\['id_me'\]"
    with pytest.raises(ValueError, match=message):
        Comparison(
            "test", data, planted.vectors, methods, [0], ranker, {}, tmp_path, taken
        )


def test_damaged_codes_are_made_again(make, tmp_path):
    list(make([Method("moc", 2)], seeds=[0]).run())
    folder = only(tmp_path, "codes/moc-2/seed-0-*")
    table = CodeTable.load(folder)
    (file,) = folder.glob("codes-*.npy")
    file.write_bytes(file.read_bytes()[:-1])
    only(tmp_path, "runs/dcn_v2/moc-2/self_gating/seed-0-*/result.json").unlink()
    list(make([Method("moc", 2)], seeds=[0]).run())
    np.testing.assert_array_equal(CodeTable.load(folder).codes, table.codes)


@pytest.mark.slow
def test_codes_of_other_vectors_are_made_anew_and_the_old_ones_stay(
    make, planted, tmp_path
):
    list(make([Method("moc", 2)], seeds=[0]).run())
    turned = ItemVectors(planted.vectors.item_ids, -planted.vectors.vectors)
    (progress,) = make([Method("moc", 2)], seeds=[0], vectors=turned).run()
    assert not progress.resumed
    tables = [CodeTable.load(p) for p in tmp_path.glob("codes/moc-2/seed-0-*")]
    assert len({table.manifest["vectors_sha256"] for table in tables}) == 2


@pytest.mark.slow
def test_another_given_table_is_another_run(make, data, planted, tmp_path):
    list(make([Method("true_factors", 6)], seeds=[0]).run())
    other = Comparison(
        "test",
        data,
        planted.vectors,
        [Method("true_factors", 6)],
        [0],
        RankerConfig(batch_size=1024, max_epochs=2, embedding_dim=4),
        {"codebook_size": 16, "hidden_units": (16,), "epochs": 2},
        tmp_path,
        {"true_factors": planted.true_factors.shuffled(1)},
    )
    (progress,) = other.run()
    assert not progress.resumed


def test_results_tell_what_is_unusual_in_their_indexer(data, planted, tmp_path):
    def make(told, keep_models=True):
        return Comparison(
            "test",
            data,
            planted.vectors,
            [Method("none", 0), Method("pq", 2)],
            [0],
            RankerConfig(batch_size=1024, max_epochs=1, embedding_dim=4),
            {"codebook_size": 16, "epochs": 1},
            tmp_path,
            keep_models=keep_models,
            told_options=told,
        )

    none, pq = [p.result for p in make(["codebook_size", "epochs"]).run()]
    assert "indexer_options" not in none
    assert pq["indexer_options"] == {"codebook_size": 16}  # pq has no epochs
    light = make([], keep_models=False)  # the same run, as `run` tells
    assert light.look_up(Method("pq", 2), 0) == (pq["run"], pq)


def test_shuffled_codes_keep_their_usage_and_change_their_items(make, planted):
    comparison = make([Method("true_factors", 6, "shuffled")], seeds=[0])
    (progress,) = comparison.run()
    assert progress.result["variant"] == "shuffled"
    factors = planted.true_factors
    shuffled = factors.shuffled(0)
    assert (shuffled.codes != factors.codes).any(axis=1).mean() > 0.9


def test_an_item_without_a_vector_is_named(make, planted):
    vectors = ItemVectors(planted.vectors.item_ids[1:], planted.vectors.vectors[1:])
    with pytest.raises(ValueError, match=str(planted.vectors.item_ids[0])):
        make(vectors=vectors)


@pytest.mark.slow
def test_a_diversity_weight_is_for_several_codes_alone(data, planted, tmp_path):
    options = {"codebook_size": 16, "hidden_units": (16,), "epochs": 1}
    comparison = Comparison(
        "test",
        data,
        planted.vectors,
        [Method("vq", 1), Method("moc", 2)],
        [0],
        RankerConfig(batch_size=1024, max_epochs=1, embedding_dim=4),
        {**options, "diversity_weight": 0.1},
        tmp_path,
    )
    list(comparison.run())
    weights = {
        table.manifest["method"]: table.manifest["configuration"]["diversity_weight"]
        for table in map(CodeTable.load, tmp_path.glob("codes/*/*"))
    }
    assert weights == {"vq": 0.0, "moc": 0.1}
    (log,) = tmp_path.glob("indexer_logs/moc-2/*/metrics.jsonl")
    terms = json.loads(log.read_text().splitlines()[0])
    assert {"reconstruction", "codebook", "commitment", "diversity", "usage"} <= set(
        terms
    )


@pytest.mark.parametrize(
    ("methods", "seeds", "message"),
    [
        ([], [0], "needs methods"),
        (METHODS, [], "needs seeds"),
        ([Method("none", 0)] * 2, [0], "all different"),
        (METHODS, [1, 1], "all different"),
        ([Method("true_factors", 5)], [0], "as many codes as its table, 6"),
        ([Method("pqq", 5)], [0], "Received: 'pqq'"),
    ],
)
def test_a_comparison_that_cannot_be_run_is_refused_at_once(
    make, methods, seeds, message
):
    with pytest.raises(ValueError, match=message):
        make(methods, seeds)


def test_a_given_table_that_lacks_an_item_is_refused_at_once(data, planted, tmp_path):
    whole = planted.true_factors
    lacks = str(data.item_ids[7])
    kept = whole.item_ids != lacks
    table = CodeTable(whole.item_ids[kept], whole.codes[kept], whole.codebook_size)
    with pytest.raises(ValueError, match=rf"'given'.* lacks 1 .*Received: .*{lacks}"):
        Comparison(
            "test",
            data,
            planted.vectors,
            [Method("given", 6)],
            [0],
            RankerConfig(),
            {},
            tmp_path,
            {"given": table},
        )


def test_what_runs_share_is_written_by_one_process_at_a_time(
    data, planted, tmp_path, monkeypatch
):
    saved = []

    def watch(kind):
        save = kind.save

        def slowly(self, path):
            saved.append(kind)
            time.sleep(0.2)
            save(self, path)

        monkeypatch.setattr(kind, "save", slowly)

    watch(ServingData)
    watch(CodeTable)

    def keep(_):
        keep_serving_data(data, tmp_path)
        return keep_table(planted.true_factors, tmp_path, "given-6")

    with concurrent.futures.ThreadPoolExecutor(2) as two:  # a lock is of an open file
        one, other = two.map(keep, range(2))
    assert saved == [ServingData, CodeTable]
    assert CodeTable.load(one) == CodeTable.load(other) == planted.true_factors


def test_a_worker_that_is_not_the_first_writes_nothing(make, tmp_path, monkeypatch):
    monkeypatch.setattr("moc_tf.training.comparison.writes", lambda _: False)
    make([Method("true_factors", 6)], seeds=[0]).run_one(Method("true_factors", 6), 0)
    written = {path.name for path in tmp_path.iterdir()}
    assert not written & {"serving", "codes", "results.jsonl"}
