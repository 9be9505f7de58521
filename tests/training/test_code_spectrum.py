"""The spectrum of the code embeddings, by hand and as runs record it."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf

from moc_tf.code_table import CodeTable
from moc_tf.evaluation import information_abundance, summarise
from moc_tf.ranking import NGramCodeEmbedding, SemanticIdEmbedding
from moc_tf.training import Comparison, Method, RankerConfig
from moc_tf.training.code_spectrum import code_spectrum

BY_HAND = [3 * math.sqrt(5), math.sqrt(5)]  # of [[3, 0], [4, 5]]


def filled(layer, codes, rows):
    layer(tf.constant(codes))
    layer.embeddings.assign(rows)
    return layer


def test_fields_stand_side_by_side_and_items_without_codes_do_not_count():
    codes = np.array([[0, 0], [-1, -1], [1, 1], [-1, 1]], np.int32)
    tables = [[9], [3], [4], [9], [0], [5]]  # two of -1, 0 and 1
    layer = filled(SemanticIdEmbedding(2, 2, embedding_dim=1), codes, tables)
    assert code_spectrum(layer, codes) == pytest.approx(BY_HAND)
    assert code_spectrum(layer, codes[[0, 2, 2]]) == pytest.approx(
        np.linalg.svd([[3, 0], [4, 5], [4, 5]], compute_uv=False)
    )
    with pytest.raises(ValueError, match=r"Received: shape \(0, 2\)"):
        code_spectrum(layer, codes[[1, 3]])


def test_several_tables_of_a_code_are_as_many_fields():
    codes = np.array([[0], [1]], np.int32)
    tables = [[9], [3], [4], [9], [0], [5]]
    layer = SemanticIdEmbedding(1, 2, embedding_dim=1, tables_per_code=2)
    assert code_spectrum(filled(layer, codes, tables), codes) == pytest.approx(BY_HAND)


def test_all_dimensions_of_an_embedding_are_columns():
    codes = np.array([[0], [1]], np.int32)
    tables = [[9, 9], [3, 0], [4, 5]]
    layer = filled(SemanticIdEmbedding(1, 2, embedding_dim=2), codes, tables)
    assert code_spectrum(layer, codes) == pytest.approx(BY_HAND)


def test_code_sequences_are_embedded_as_the_ranker_does():
    codes = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [1, 0]], np.int32)
    weight = np.random.default_rng(0).normal(size=(3 + 5, 2)).astype(np.float32)
    layer = NGramCodeEmbedding(2, 2, embedding_dim=2, scheme="prefix")
    first, second = codes.T
    twin = np.hstack([weight[1 + first], weight[3 + 1 + 2 * first + second]])
    assert code_spectrum(filled(layer, codes, weight), codes) == pytest.approx(
        np.linalg.svd(twin.astype(np.float64), compute_uv=False)
    )


def test_a_large_catalogue_is_gone_through_in_pieces(monkeypatch):
    random = np.random.default_rng(0)
    codes = random.integers(0, 5, (23, 2)).astype(np.int32)
    weight = random.normal(size=(12, 3)).astype(np.float32)
    layer = filled(SemanticIdEmbedding(2, 5, embedding_dim=3), codes, weight)
    whole = code_spectrum(layer, codes)
    for rows in (1, 4, 22, 23):
        monkeypatch.setattr("moc_tf.training.code_spectrum._ROWS", rows)
        assert code_spectrum(layer, codes) == pytest.approx(whole, rel=1e-12)
    assert len(code_spectrum(layer, codes[:4])) == 4


def test_half_precision_is_what_the_ranker_computes_in():
    codes = np.array([[0], [1]], np.int32)
    layer = SemanticIdEmbedding(1, 2, embedding_dim=2, dtype="mixed_bfloat16")
    filled(layer, codes, [[9, 9], [3.001, 0], [4, 5]])  # 3.001 is 3 in bfloat16
    assert code_spectrum(layer, codes) == pytest.approx(BY_HAND)


@pytest.fixture
def make(data, planted, tmp_path):
    def make(methods, seeds=(3,), **changes):
        ranker = RankerConfig(
            batch_size=1024, max_epochs=2, embedding_dim=4, learning_rate=0.02,
            **changes,
        )  # fmt: skip
        options = {"codebook_size": 16, "hidden_units": (16,), "epochs": 1}
        where = (data, planted.vectors, methods, seeds, ranker, options, tmp_path)
        return Comparison("test", *where)

    return make


def saved(folder, method):
    """The trained tables of a run, and the codes that it read, whatever their order."""
    (run,) = folder.glob(f"runs/*/{method}/*/seed-3-*")
    variable = "model/embeddings/codes/embeddings/.ATTRIBUTES/VARIABLE_VALUE"
    weights = tf.train.load_checkpoint(str(run / "checkpoint" / "model"))
    (codes,) = folder.glob(f"codes/{method.removesuffix('-shuffled')}/seed-3-*")
    return weights.get_tensor(variable), CodeTable.load(codes).codes.astype(np.int64)


def assert_recorded(row, matrix):
    expected = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    assert len(row["code_spectrum"]) == matrix.shape[1] == 8
    assert row["code_spectrum"] == pytest.approx(expected, rel=1e-5)
    assert row["information_abundance"] == pytest.approx(
        expected.sum() / expected.max(), rel=1e-6
    )
    assert row["code_spectrum"] == [float(f"{s:.6g}") for s in row["code_spectrum"]]


@pytest.mark.slow
def test_a_run_records_the_spectrum_of_its_trained_tables(make, tmp_path):
    methods = [
        *(Method("none", 0), Method("id_me", 2)),
        *(Method(name, 2) for name in ("moc", "random", "me")),
        Method("moc", 2, "shuffled"),
    ]
    list(make(methods).run())
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    rows = dict(zip([m.id for m in methods], map(json.loads, lines), strict=True))
    for without in ("none-0", "id_me-2"):
        row = rows.pop(without)
        assert row["information_abundance"] is row["code_spectrum"] is None
    for name, row in rows.items():
        weight, codes = saved(tmp_path, name)
        size = len(weight) // 2
        assert_recorded(
            row, np.hstack([weight[1 + codes[:, 0]], weight[size + 1 + codes[:, -1]]])
        )
        assert np.std(weight) > 0.02  # trained: they start with 0.01


def test_a_run_on_code_sequences_records_it(make, tmp_path):
    (progress,) = make([Method("moc", 2)], code_embedding="prefix").run()
    weight, codes = saved(tmp_path, "moc-2")
    first, second = codes.T
    twin = [weight[1 + first], weight[17 + 1 + 16 * first + second]]
    assert_recorded(progress.result, np.hstack(twin))


def test_tables_that_are_all_zero_have_no_abundance(make, monkeypatch):
    monkeypatch.setattr(
        "moc_tf.training.ranker_trainer.code_spectrum", lambda *_: (0.0, 0.0)
    )
    (progress,) = make([Method("random", 2)]).run()
    assert progress.result["information_abundance"] is None
    assert progress.result["code_spectrum"] == [0, 0]


@pytest.mark.slow
def test_it_is_summarised_over_seeds(make):
    rows = [p.result for p in make([Method("random", 2)], seeds=(3, 4)).run()]
    found = [information_abundance(row["code_spectrum"]) for row in rows]
    (summary,) = summarise(rows)
    interval = summary.metrics["information_abundance"]
    assert interval.mean == pytest.approx(np.mean(found), rel=1e-5)
    assert interval.n == 2
