import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf._keras import keras
from moc_tf.ranking import NGramCodeEmbedding, SemanticIdEmbedding, code_embedding
from moc_tf.ranking.code_ngrams import ngram_rows


def mix(x):
    """The hash in Python's integers, which know no width."""
    x = ((x ^ (x >> 16)) * 0x6C078965) % 2**32
    x = ((x ^ (x >> 15)) * 0x4F1BBCDD) % 2**32
    return x ^ (x >> 16)


def row_by_hand(ngram, codebook_size, num_buckets):
    if -1 in ngram:
        return 0
    if codebook_size ** len(ngram) <= num_buckets:
        place = 0
        for code in ngram:
            place = place * codebook_size + code
        return 1 + place
    state = 0
    for code in ngram:
        state = mix(state ^ (code + 1))
    return 1 + state % num_buckets


def rows_by_hand(codes, ngram_size, codebook_size, num_buckets):
    return [
        [
            row_by_hand(row[max(0, i + 1 - ngram_size) : i + 1], codebook_size, buckets)
            for i in range(len(row))
        ]
        for row in codes
        for buckets in [num_buckets]
    ]


@given(st.data())
@settings(deadline=None, max_examples=50)
def test_rows_are_those_of_the_formula(data):
    num_codes, size = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 300))
    ngram_size = data.draw(st.integers(1, num_codes + 1))
    buckets = data.draw(st.sampled_from([1, 7, 256, 65_536, 2**31]))
    row = st.lists(st.integers(-1, size - 1), min_size=num_codes, max_size=num_codes)
    codes = data.draw(st.lists(row, min_size=1, max_size=4))
    rows = ngram_rows(tf.constant(codes, tf.int64), ngram_size, size, buckets)
    assert rows.dtype == tf.int64
    assert rows.numpy().tolist() == rows_by_hand(codes, ngram_size, size, buckets)


def test_the_hash_is_the_one_that_trained_tables_depend_on():
    codes = tf.constant([[0, 0, 0], [255, 254, 253], [1, 2, 3]], tf.int64)
    rows = ngram_rows(codes, 3, 256, 1000).numpy()
    assert rows.tolist() == [[1, 612, 76], [256, 36, 164], [2, 926, 981]]
    traced = tf.function(ngram_rows)(codes, 3, 256, 1000)
    np.testing.assert_array_equal(traced, rows)
    compiled = tf.function(ngram_rows, jit_compile=True)(codes, 3, 256, 1000)
    np.testing.assert_array_equal(compiled, rows)


def test_long_ids_do_not_overflow():
    codes = np.random.default_rng(0).integers(4096, size=(50, 12))
    rows = ngram_rows(tf.constant(codes), 12, 4096, 2**40).numpy()
    assert rows.tolist() == rows_by_hand(codes.tolist(), 12, 4096, 2**40)


def test_bigrams_fall_into_buckets_as_if_drawn_at_random():
    pairs = np.stack(np.meshgrid(np.arange(256), np.arange(256)), axis=-1)
    pairs = tf.constant(pairs.reshape(-1, 2), tf.int64)
    for buckets in (1000, 4096):
        rows = ngram_rows(pairs, 2, 256, buckets).numpy()[:, 1]
        counts = np.bincount(rows - 1, minlength=buckets)
        mean = 65_536 / buckets
        # Chi-square over its degrees of freedom, whose own deviation is 0.02 to 0.05.
        assert np.mean((counts - mean) ** 2) / mean == pytest.approx(1, abs=0.2)


def test_small_tables_give_every_ngram_a_row_of_its_own():
    codes = tf.constant(list(np.ndindex(3, 3, 3)), tf.int64)
    rows = ngram_rows(codes, 3, 3, 27).numpy()
    assert sorted(rows[:, 2]) == list(range(1, 28))
    assert sorted(set(rows[:, 1])) == list(range(1, 10))
    assert sorted(set(rows[:, 0])) == [1, 2, 3]


CODES = tf.constant([[0, 1, 2], [0, 2, 2], [3, 1, 2], [-1, -1, -1], [0, -1, 2]])


def changes(layer):
    """Fields in which the second and third ID differ from the first."""
    outputs = layer(CODES).numpy()
    return [np.any(outputs[i] != outputs[0], axis=-1).tolist() for i in (1, 2)]


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("unigram", [[False, True, False], [True, False, False]]),
        ("ngram", [[False, True, True], [True, True, False]]),
        ("prefix", [[False, True, True], [True, True, True]]),
    ],
)
def test_a_field_sees_the_codes_of_its_ngram_alone(scheme, expected):
    assert changes(NGramCodeEmbedding(3, 4, 2, scheme)) == expected


def test_an_ngram_with_no_code_reads_the_first_row_of_its_table():
    layer = NGramCodeEmbedding(3, 4, 2, "ngram")
    layer(CODES)
    tables = np.split(layer.embeddings.numpy(), [5, 5 + 17])
    unknown = [table[0] for table in tables]
    np.testing.assert_array_equal(layer(CODES)[3], unknown)
    first = tables[0][1]  # of code 0
    np.testing.assert_array_equal(layer(CODES)[4], [first, *unknown[1:]])


def test_unigrams_are_the_tables_of_single_codes():
    one = NGramCodeEmbedding(3, 4, 2, "unigram", tables_per_code=2)
    other = SemanticIdEmbedding(3, 4, 2, tables_per_code=2)
    outputs = one(CODES)
    other(CODES)
    other.set_weights(one.get_weights())
    np.testing.assert_array_equal(other(CODES), outputs)


def test_several_tables_of_an_ngram_lie_side_by_side():
    layer = NGramCodeEmbedding(2, 3, 1, "prefix", tables_per_code=2)
    codes = tf.constant([[1, 2]])
    layer(codes)
    layer.embeddings.assign(np.arange(2 * 4 + 2 * 10, dtype=np.float32)[:, np.newaxis])
    # Code 1 is row 2 of its tables, the bigram (1, 2) row 1 + 1 * 3 + 2 of its own.
    assert layer(codes).numpy().ravel().tolist() == [2, 4 + 2, 8 + 6, 18 + 6]


@pytest.mark.parametrize(
    ("options", "num_rows"),
    [
        ({"scheme": "unigram"}, 3 * (1 + 10)),
        ({"scheme": "ngram"}, (1 + 10) + 2 * (1 + 100)),
        ({"scheme": "ngram", "ngram_size": 9}, 11 + 101 + 1001),
        ({"scheme": "prefix"}, 11 + 101 + 1001),
        ({"scheme": "prefix", "num_buckets": 50}, 11 + 51 + 51),
        ({"scheme": "prefix", "num_buckets": 4, "tables_per_code": 2}, 6 * 5),
    ],
)
def test_parameters_have_a_closed_form(options, num_rows):
    layer = NGramCodeEmbedding(3, 10, 8, **options)
    outputs = layer(tf.zeros([1, 3], tf.int32))
    assert outputs.shape == (1, 3 * options.get("tables_per_code", 1), 8)
    assert [len(layer.weights), layer.count_params()] == [1, num_rows * 8]


def test_the_gradient_holds_the_gathered_rows_alone():
    layer = NGramCodeEmbedding(3, 256, 2, "prefix", dtype="mixed_bfloat16")
    assert layer(CODES).dtype == tf.bfloat16
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(CODES))
    gradient = tape.gradient(loss, layer.embeddings)
    assert isinstance(gradient, tf.IndexedSlices)
    assert gradient.values.shape == (5 * 3, 2)


@pytest.mark.parametrize("code", [-2, 4])
def test_a_code_outside_its_codebook_raises_and_is_not_hashed(code):
    layer = NGramCodeEmbedding(2, 4, 2, num_buckets=5)
    layer(tf.constant([[-1, 3]]))
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=rf"(?s)at least -1.*\[4 4\].*{code}"
    ):
        layer(tf.constant([[0, code]]))
    with pytest.raises(ValueError, match=r"\[batch, 2\].*shape \(1, 3\)"):
        layer(tf.zeros([1, 3], tf.int32))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"ngram_size": 0}, "ngram_size of NGram.*at least 1. Received: 0"),
        ({"num_buckets": 0}, "num_buckets of .*at least 1. Received: 0"),
        ({"num_codebooks": 0}, "num_codebooks of .*at least 1. Received: 0"),
        ({"codebook_size": 0}, "codebook_size of .*at least 1. Received: 0"),
        ({"tables_per_code": 0}, "tables_per_code of .*at least 1. Received: 0"),
        ({"num_buckets": 2.5}, r"num_buckets of .*integer.*Received: 2\.5"),
        ({"scheme": "suffix"}, r"scheme.*'unigram', 'ngram'.*Received: 'suffix'"),
    ],
)
def test_bad_values_raise(bad, message):
    values = {"num_codebooks": 2, "codebook_size": 4, "embedding_dim": 2, **bad}
    with pytest.raises(ValueError, match=message):
        NGramCodeEmbedding(**values)


def test_a_model_with_it_saves_and_loads(tmp_path):
    codes = keras.Input(shape=(3,), dtype="int32")
    layer = NGramCodeEmbedding(3, 256, 2, "ngram", 3, 50, "ones", 2, name="codes")
    model = keras.Model(codes, layer(codes))
    layer.embeddings.assign(np.random.default_rng(0).normal(size=(6 * 51, 2)))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(CODES), model(CODES))
    assert loaded.get_layer("codes").get_config() == layer.get_config()


def test_layers_of_codes_by_name():
    shape = {"num_codebooks": 3, "codebook_size": 4, "embedding_dim": 2}
    assert type(code_embedding.get("tables", **shape)) is SemanticIdEmbedding
    assert code_embedding.get("prefix", **shape).scheme == "prefix"
    trigrams = {"scheme": "ngram", "ngram_size": 3, "num_buckets": 20}
    layer = code_embedding.get(trigrams, **shape)
    assert layer.get_config().items() >= {**trigrams, **shape}.items()
    for bad in ("bigram", None, {"ngram_size": 3}, {"scheme": "ngram", "n": 3}):
        with pytest.raises(ValueError, match=r"code_embedding must be.*Received: "):
            code_embedding.get(bad, **shape)
