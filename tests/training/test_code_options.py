"""How the code tables are made, started and trained, from a flag to the weights."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from moc_tf.indexing import load_indexer
from moc_tf.ranking import SemanticIdEmbedding, start_from_codebooks
from moc_tf.training import Comparison, Method, RankerConfig, RankerTrainer

QUICK = {"batch_size": 1024, "max_epochs": 1, "embedding_dim": 4}
FROZEN = RankerConfig(
    **QUICK, code_start="codebooks", code_start_stddev=0.5, code_tables="frozen"
)


def projections(codebooks, seed):
    num_codebooks, size, _ = codebooks.shape
    layer = SemanticIdEmbedding(num_codebooks, size, 4)
    start_from_codebooks(layer, codebooks, seed, stddev=0.5)
    return layer.embeddings.numpy()


@pytest.fixture(scope="module")
def codebooks():
    return np.random.default_rng(0).normal(size=(6, 4, 9)).astype(np.float32)


@pytest.fixture(scope="module")
def trainer(data, planted):
    return RankerTrainer(FROZEN, data, data.schema_with(planted.true_factors))


def test_each_training_starts_from_the_codebooks_anew(trainer, planted, codebooks):
    codes = trainer.model.embeddings.codes
    for seed in (0, 1):
        trained = trainer.train(seed, planted.true_factors, codebooks=codebooks)
        np.testing.assert_array_equal(codes.embeddings, projections(codebooks, seed))
    everything = sum(np.prod(weight.shape) for weight in trainer.model.weights)
    assert trained.num_parameters == everything - 6 * (4 + 1) * 4


def test_codebooks_are_given_where_they_are_wanted_alone(
    trainer, data, planted, codebooks
):
    table = planted.true_factors
    with pytest.raises(ValueError, match=r"codebooks not given.*'codebooks'"):
        trainer.train(0, table)
    plain = RankerTrainer(RankerConfig(**QUICK), data, data.schema_with(table))
    with pytest.raises(ValueError, match=r"codebooks given.*'random'"):
        plain.train(0, table, codebooks=codebooks)
    with pytest.raises(ValueError, match=r"needs 6 codebooks of shape \[4, D\]"):
        trainer.train(0, table, codebooks=codebooks[:5])


def test_settings_choose_the_tables_of_code_sequences(data, planted):
    config = RankerConfig(**QUICK, code_embedding="ngram", ngram_size=3, num_buckets=20)
    trainer = RankerTrainer(config, data, data.schema_with(planted.true_factors))
    codes = trainer.model.embeddings.codes
    assert codes.get_config()["scheme"] == "ngram"
    assert codes.vocabulary_sizes == (5, 17, 21, 21, 21, 21)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"code_start": "kmeans"}, "code_start must be.*Received: 'kmeans'"),
        ({"code_start_stddev": 0.0}, r"code_start_stddev must be above 0.*0\.0"),
        (
            {"code_start": "codebooks", "code_embedding": "prefix"},
            "needs code_embedding='tables'.*'prefix'",
        ),
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RankerConfig(**options)


@pytest.mark.parametrize(
    ("options", "variant"),
    [
        ({}, ""),
        ({"ngram_size": 3, "num_buckets": 20, "code_start_stddev": 0.5}, ""),
        ({"code_embedding": "ngram"}, "ngram"),
        (
            {"code_embedding": "ngram", "ngram_size": 3, "num_buckets": 20},
            "ngram+ngram_size=3+num_buckets=20",
        ),
        ({"code_embedding": "prefix", "ngram_size": 3}, "prefix"),
        ({"code_embedding": "prefix", "num_buckets": 20}, "prefix+num_buckets=20"),
        ({"code_start": "codebooks"}, "codebooks"),
        ({"code_tables": "frozen", "code_embedding": "prefix"}, "prefix+frozen"),
        (dataclasses.asdict(FROZEN), "codebooks+code_start_stddev=0.5+frozen"),
    ],
)
def test_settings_of_the_code_tables_name_a_variant(options, variant):
    assert RankerConfig(**options).code_variant == variant


@pytest.fixture
def make(data, planted, tmp_path):
    def make(methods, ranker=FROZEN):
        options = {"codebook_size": 16, "hidden_units": (16,), "epochs": 1}
        tables = {"true_factors": planted.true_factors}
        where = (data, planted.vectors, methods, [3], ranker, options, tmp_path, tables)
        return Comparison("test", *where)

    return make


@pytest.mark.slow
def test_a_comparison_starts_the_tables_from_the_indexer_of_the_codes(make, tmp_path):
    methods = [Method("none", 0), Method("moc", 2), Method("moc", 2, "shuffled")]
    variants = [progress.result["variant"] for progress in make(methods).run()]
    tables = "codebooks+code_start_stddev=0.5+frozen"
    assert variants == ["", tables, f"shuffled+{tables}"]
    (path,) = tmp_path.glob("indexers/moc-2/seed-3-*")
    expected = projections(load_indexer(path).codebooks, seed=3)
    variable = "model/embeddings/codes/embeddings/.ATTRIBUTES/VARIABLE_VALUE"
    (run,) = tmp_path.glob("runs/dcn_v2/moc-2/self_gating/seed-3-*")
    saved = tf.train.load_checkpoint(str(run / "checkpoint" / "model"))
    np.testing.assert_array_equal(saved.get_tensor(variable), expected)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Method("random", 2), "for 'random', which has none"),
        (Method("true_factors", 6), "for 'true_factors', a given table"),
    ],
)
def test_a_comparison_without_codebooks_to_start_from_is_refused(make, method, message):
    with pytest.raises(ValueError, match=message):
        make([method])
    make([method], RankerConfig(**QUICK))
