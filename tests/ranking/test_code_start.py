import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.data.schema import CategoricalFeature, CodeFeature, Schema
from moc_tf.ranking import (
    LazyAdam,
    NGramCodeEmbedding,
    SemanticIdEmbedding,
    make_ranker,
    start_from_codebooks,
)


def codebooks(num_codebooks=2, size=6, dim=3, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(5, 2, size=(num_codebooks, size, dim)).astype(np.float32)


def started(given, embedding_dim, tables=1, **options):
    """The tables, [N * tables, 1 + K, d], after a start from `given`."""
    num_codebooks, size = len(given), len(given[0])
    layer = SemanticIdEmbedding(
        num_codebooks, size, embedding_dim, tables_per_code=tables
    )
    start_from_codebooks(layer, given, **options)
    shape = (num_codebooks * tables, 1 + size, embedding_dim)
    return layer.embeddings.numpy().reshape(shape)


def products(vectors):
    """Inner products of the centred vectors, which no rotation changes."""
    centred = vectors - vectors.mean(axis=0)
    return centred @ centred.T


def nearest_of_rank(matrix, rank):
    """The best approximation of a symmetric matrix, by its largest eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    values[: len(values) - rank] = 0
    return vectors * values @ vectors.T


@pytest.mark.parametrize("embedding_dim", [3, 8])
def test_enough_dimensions_keep_all_distances(embedding_dim):
    given = codebooks()
    for table, codebook in zip(started(given, embedding_dim), given, strict=True):
        scale = np.trace(products(table[1:])) / np.trace(products(codebook))
        np.testing.assert_allclose(
            products(table[1:]), scale * products(codebook), atol=1e-7
        )


@pytest.mark.parametrize("embedding_dim", [1, 2, 4])
def test_fewer_dimensions_keep_what_principal_components_can(embedding_dim):
    given = codebooks(dim=7, size=9)
    for table, codebook in zip(started(given, embedding_dim), given, strict=True):
        best = nearest_of_rank(products(codebook.astype(np.float64)), embedding_dim)
        scale = np.trace(products(table[1:])) / np.trace(best)
        np.testing.assert_allclose(products(table[1:]), scale * best, atol=1e-7)


def test_each_table_has_the_usual_spread_and_zero_for_no_code():
    given = codebooks() * np.array([1, 100])[:, np.newaxis, np.newaxis]
    for stddev, options in ((0.01, {}), (0.5, {"stddev": 0.5})):
        for table in started(given, 4, **options):
            assert not table[0].any()
            assert np.std(table[1:]) == pytest.approx(stddev, rel=1e-5)
            np.testing.assert_allclose(table[1:].mean(axis=0), 0, atol=1e-6)


def test_the_variance_is_spread_over_all_dimensions():
    line = np.linspace(-1, 1, 20)[:, np.newaxis] * np.eye(1, 5)
    (table,) = started(line[np.newaxis], 4)
    assert (np.std(table[1:], axis=0) > 1e-3).all()


def test_slices_of_unequal_width_are_no_matter():
    given = codebooks(dim=3)
    ragged = [given[0], given[1][:, :2]]
    padded = [given[0], np.pad(given[1][:, :2], ((0, 0), (0, 1)))]
    first, second = started(ragged, 5), started(padded, 5)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(products(one), products(other), atol=1e-8)


def test_the_seed_decides_the_rotation():
    given = codebooks()
    one, same, other = (started(given, 4, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one[:, 1:] - other[:, 1:]).max() > 1e-3


def test_tables_of_one_code_start_differently_from_the_same_vectors():
    given = codebooks(2)
    pairs = started(given, 4, tables=2)[:, 1:].reshape(2, 2, 6, 4)
    for codebook, (one, other) in zip(given, pairs, strict=True):
        assert np.abs(one - other).max() > 1e-3
        np.testing.assert_allclose(products(one), products(other), atol=1e-7)
        scale = np.trace(products(one)) / np.trace(products(codebook))
        np.testing.assert_allclose(products(one), scale * products(codebook), atol=1e-7)


def test_a_codebook_of_one_vector_starts_at_zero():
    assert not started(np.ones((1, 4, 3)), 2).any()


def test_more_dimensions_than_codes_are_no_matter():
    assert np.isfinite(started(codebooks(size=2, dim=9), 5)).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (codebooks(3), r"2 codebooks of shape \[6, D\].*\(6, 3\), \(6, 3\), \(6, 3\)"),
        (codebooks(size=5), r"Received: shapes \[\(5, 3\), \(5, 3\)\]"),
        (np.ones((2, 6)), r"Received: shapes \[\(6,\), \(6,\)\]"),
        (np.ones((2, 6, 0)), r"Received: shapes \[\(6, 0\), \(6, 0\)\]"),
        (np.full((2, 6, 3), np.nan), "must be finite"),
    ],
)
def test_codebooks_of_another_shape_raise_and_change_nothing(given, message):
    layer = SemanticIdEmbedding(2, 6, 4, "ones")
    layer(tf.zeros([1, 2], tf.int32))
    with pytest.raises(ValueError, match=message):
        start_from_codebooks(layer, given)
    assert (layer.embeddings.numpy() == 1).all()


@pytest.mark.parametrize("stddev", [0, -1, float("nan")])
def test_a_spread_that_is_none_raises(stddev):
    layer = SemanticIdEmbedding(2, 6, 4)
    with pytest.raises(ValueError, match=rf"stddev must be above 0.*{stddev}"):
        start_from_codebooks(layer, codebooks(), stddev=stddev)


SCHEMA = Schema((CategoricalFeature("user", 9), CodeFeature("codes", 2, 6)))


def data():
    random = np.random.default_rng(0)
    columns = {
        "user": random.integers(0, 9, 64).astype(np.int32),
        "codes": random.integers(-1, 6, (64, 2)).astype(np.int32),
        "label": random.integers(0, 2, 64).astype(np.float32),
    }
    return tf.data.Dataset.from_tensor_slices(columns).batch(16)


@pytest.mark.parametrize("frozen_by", ["option", "keras"])
def test_frozen_tables_stay_while_all_else_trains(frozen_by):
    option = "frozen" if frozen_by == "option" else "trained"
    model = make_ranker("deepfm", SCHEMA, embedding_dim=4, code_tables=option)
    model.build()
    start_from_codebooks(model.embeddings.codes, codebooks())
    if frozen_by == "keras":
        model.embeddings.codes.trainable = False
    frozen = model.embeddings.codes.embeddings
    before = [weight.numpy() for weight in model.weights]
    model.compile(optimizer=LazyAdam(0.01), run_eagerly=True)
    model.fit(data(), verbose=0)
    for start, weight in zip(before, model.weights, strict=True):
        assert (weight.numpy() == start).all() == (weight is frozen), weight.name
    assert not any(weight is frozen for weight in model.trainable_weights)
    assert sum(weight is frozen for weight in model.non_trainable_weights) == 1


def test_trained_tables_leave_their_start():
    model = make_ranker("deepfm", SCHEMA, embedding_dim=4)
    model.build()
    start_from_codebooks(model.embeddings.codes, codebooks())
    before = model.embeddings.codes.embeddings.numpy()
    model.compile(optimizer=LazyAdam(0.01), run_eagerly=True)
    model.fit(data(), verbose=0)
    assert (model.embeddings.codes.embeddings.numpy() != before).any(axis=1).all()


def test_a_saved_ranker_needs_no_codebooks_and_stays_frozen(tmp_path):
    model = make_ranker("dcn_v2", SCHEMA, embedding_dim=4, code_tables="frozen")
    model.build()
    start_from_codebooks(model.embeddings.codes, codebooks())
    model.compile(optimizer=LazyAdam(0.01), run_eagerly=True)
    model.fit(data(), verbose=0)
    model.save(tmp_path / "ranker.keras")
    loaded = keras.models.load_model(tmp_path / "ranker.keras")
    batch = next(iter(data()))
    np.testing.assert_array_equal(loaded(batch), model(batch))
    assert not loaded.embeddings.codes.trainable_weights
    start = loaded.embeddings.codes.embeddings.numpy()
    loaded.compile(optimizer=LazyAdam(0.01), run_eagerly=True)
    loaded.fit(data(), verbose=0)
    np.testing.assert_array_equal(loaded.embeddings.codes.embeddings, start)


def test_other_choices_than_trained_and_frozen_raise():
    with pytest.raises(ValueError, match=r"code_tables must be.*Received: 'fixed'"):
        make_ranker("dcn_v2", SCHEMA, code_tables="fixed")


def test_tables_that_were_frozen_later_stay_frozen_in_a_saved_ranker(tmp_path):
    model = make_ranker("dcn_v2", SCHEMA, embedding_dim=4)
    model.build()
    model.embeddings.codes.trainable = False
    model.save(tmp_path / "ranker.keras")
    loaded = keras.models.load_model(tmp_path / "ranker.keras")
    assert not loaded.embeddings.codes.trainable
    loaded.embeddings.codes.trainable = True
    assert loaded.get_config()["code_tables"] == "trained"
    other = make_ranker("dcn_v2", SCHEMA, embedding_dim=4)
    other.trainable = False  # as a whole, which says nothing of the codes
    assert other.get_config()["code_tables"] == "trained"


def test_tables_of_sequences_do_not_start_from_codebooks():
    layer = NGramCodeEmbedding(2, 6, 4)
    with pytest.raises(ValueError, match=r"code_embedding='tables'.*NGramCode"):
        start_from_codebooks(layer, codebooks())
