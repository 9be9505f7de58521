import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf._keras import keras
from moc_tf.ranking import FieldEmbeddings, SemanticIdEmbedding


def numbered(layer, ids):
    """Builds `layer` and fills its weight with 0, 1, 2, ..."""
    layer(ids)
    shape = layer.embeddings.shape
    layer.embeddings.assign(np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    return layer


@st.composite
def fields_and_ids(draw):
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    row = st.tuples(*(st.integers(0, size - 1) for size in sizes))
    return sizes, np.array(draw(st.lists(row, min_size=1, max_size=5)))


@given(fields_and_ids())
@settings(deadline=None, max_examples=25)
def test_each_field_reads_its_own_table(case):
    sizes, ids = case
    layer = numbered(FieldEmbeddings(sizes, embedding_dim=2), tf.constant(ids))
    tables = np.split(layer.embeddings.numpy(), np.cumsum(sizes)[:-1])
    expected = np.stack([table[ids[:, f]] for f, table in enumerate(tables)], axis=1)
    np.testing.assert_array_equal(layer(tf.constant(ids)), expected)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_every_integer_type_reaches_rows_beyond_its_range(dtype):
    ids = tf.constant([[254, 3]], dtype)
    layer = numbered(FieldEmbeddings([255, 9], embedding_dim=1), ids)
    assert layer(ids).numpy().ravel().tolist() == [254.0, 258.0]


def test_codes_read_their_codebook_and_minus_one_its_first_row():
    codes = tf.constant([[0, 2], [-1, -1]])
    layer = numbered(SemanticIdEmbedding(2, codebook_size=3, embedding_dim=1), codes)
    assert layer(codes).numpy()[..., 0].tolist() == [[1.0, 7.0], [0.0, 4.0]]


@given(st.integers(1, 3), st.integers(1, 4), st.data())
@settings(deadline=None, max_examples=15)
def test_several_tables_a_code_are_the_code_repeated_by_hand(n, tables, data):
    code = st.integers(-1, 3)
    row = st.lists(code, min_size=n, max_size=n)
    codes = np.array(data.draw(st.lists(row, min_size=1, max_size=4)))
    layer = SemanticIdEmbedding(n, 4, embedding_dim=2, tables_per_code=tables)
    numbered(layer, tf.constant(codes))
    weight = layer.embeddings.numpy().reshape(n, tables, 5, 2)
    expected = [
        [weight[c, t, row[c] + 1] for c in range(n) for t in range(tables)]
        for row in codes
    ]
    np.testing.assert_array_equal(layer(tf.constant(codes)), expected)


def test_each_table_of_a_code_learns_by_itself():
    layer = SemanticIdEmbedding(2, 3, embedding_dim=1, tables_per_code=3)
    codes = tf.constant([[2, -1]])
    layer(codes)
    assert layer.count_params() == 2 * 3 * (3 + 1)
    weights = tf.constant([[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(codes) * weights)
    gradient = tf.convert_to_tensor(tape.gradient(loss, layer.embeddings))
    assert gradient.numpy().reshape(2, 3, 4).tolist() == [
        [[0, 0, 0, 1], [0, 0, 0, 2], [0, 0, 0, 3]],  # code 2 is row 3
        [[4, 0, 0, 0], [5, 0, 0, 0], [6, 0, 0, 0]],  # no code is row 0
    ]


def test_with_several_tables_there_is_still_one_input_a_code():
    layer = SemanticIdEmbedding(2, 3, 1, tables_per_code=3, name="codes")
    message = r"'codes' has 6 tables.*\[batch, 2\].*int32 of shape \(1, 6\)"
    with pytest.raises(ValueError, match=message):
        layer(tf.zeros([1, 6], tf.int32))
    layer(tf.zeros([1, 2], tf.int32))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)at least -1.*3"):
        layer(tf.constant([[0, 3]]))


def test_parameters_are_one_weight_with_a_row_for_each_id():
    fields = FieldEmbeddings([10, 3], embedding_dim=4)
    codes = SemanticIdEmbedding(7, codebook_size=256, embedding_dim=16)
    fields(tf.zeros([1, 2], tf.int32))
    codes(tf.zeros([1, 7], tf.int32))
    assert [len(fields.weights), fields.count_params()] == [1, (10 + 3) * 4]
    assert [len(codes.weights), codes.count_params()] == [1, 7 * (256 + 1) * 16]
    assert "embeddings" in codes.embeddings.name


def test_initial_embeddings_are_small_by_default_and_as_told_otherwise():
    default = FieldEmbeddings([5000], embedding_dim=4)
    ones = FieldEmbeddings([3], 1, embeddings_initializer="ones")
    default(tf.zeros([1, 1], tf.int32))
    assert np.std(default.embeddings) == pytest.approx(0.01, rel=0.05)
    assert ones(tf.zeros([1, 1], tf.int32)).numpy().item() == 1.0


def test_the_gradient_holds_the_gathered_rows_alone():
    layer = SemanticIdEmbedding(2, codebook_size=3, embedding_dim=2)
    codes = tf.constant([[0, -1], [0, 2]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(codes))
    gradient = tape.gradient(loss, layer.embeddings)
    assert isinstance(gradient, tf.IndexedSlices)
    dense = tf.convert_to_tensor(gradient).numpy()
    assert dense[:, 0].tolist() == [0, 2, 0, 0, 1, 0, 0, 1]


@pytest.mark.parametrize("ids", [[[-1, 0]], [[3, 0]], [[0, -1]], [[0, 5]]])
@pytest.mark.parametrize("compiled", [False, True])
def test_an_id_outside_its_field_raises(ids, compiled):
    layer = FieldEmbeddings([3, 5], embedding_dim=2, name="attributes")
    look_up = tf.function(layer.__call__) if compiled else layer
    look_up(tf.constant([[0, 0], [2, 4]]))
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"(?s)Layer attributes received an id outside its table.*at least 0.*"
        r"\[3 5\].*Received.*vocabulary",
    ):
        look_up(tf.constant(ids))


@pytest.mark.parametrize("code", [-2, 4])
def test_a_code_outside_its_codebook_raises(code):
    layer = SemanticIdEmbedding(2, codebook_size=4, embedding_dim=2)
    layer(tf.constant([[-1, 3]]))
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=rf"(?s)at least -1.*{code}"
    ):
        layer(tf.constant([[code, 0]]))


def test_the_wrong_number_of_codes_raises_while_tracing():
    layer = SemanticIdEmbedding(7, 256, 16, name="codes")
    message = r"'codes' has 7 tables.*\[batch, 7\].*int32 of shape \(None, 3\)"
    with pytest.raises(ValueError, match=message):
        layer(keras.Input(shape=(3,), dtype="int32"))
    layer(tf.zeros([1, 7], tf.int32))
    with pytest.raises(ValueError, match=r"\[batch, 7\].*shape \(1, 8\)"):
        layer(tf.zeros([1, 8], tf.int32))


def test_an_unknown_number_of_codes_is_checked_in_the_graph():
    layer = SemanticIdEmbedding(3, codebook_size=4, embedding_dim=2)

    @tf.function(input_signature=[tf.TensorSpec(None, tf.int32)])
    def look_up(codes):
        return layer(codes)

    assert look_up(tf.zeros([2, 3], tf.int32)).shape == (2, 3, 2)
    with pytest.raises(tf.errors.InvalidArgumentError):
        look_up(tf.zeros([2, 1], tf.int32))


def test_ids_that_are_no_integers_raise():
    with pytest.raises(ValueError, match=r"expects integers.*float32"):
        FieldEmbeddings([3], 2)(tf.zeros([1, 1]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FieldEmbeddings([], 2), r"vocabulary_sizes.*Received: \[\]"),
        (lambda: FieldEmbeddings([3, 0], 2), r"vocabulary_sizes.*\[3, 0\]"),
        (lambda: FieldEmbeddings([3], 0), "embedding_dim of FieldEmb.*Received: 0"),
        (lambda: SemanticIdEmbedding(0, 4, 2), "num_codebooks of Sem.*Received: 0"),
        (lambda: SemanticIdEmbedding(2, 0, 2), "codebook_size of Sem.*Received: 0"),
        (
            lambda: SemanticIdEmbedding(2, 4, 2, tables_per_code=0),
            "tables_per_code of Sem.*Received: 0",
        ),
    ],
)
def test_bad_sizes_raise(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "layer",
    [
        FieldEmbeddings([3, 5], 2, "ones", name="a"),
        SemanticIdEmbedding(2, 4, 3, keras.initializers.RandomUniform(-1, 1), name="b"),
        SemanticIdEmbedding(2, 4, 3, tables_per_code=5, name="c"),
    ],
)
def test_a_layer_comes_back_from_its_configuration(layer):
    twin = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(twin) is type(layer)
    assert twin.get_config() == layer.get_config()


def test_mixed_precision_computes_in_half_and_keeps_the_weight():
    layer = FieldEmbeddings([3], 2, dtype="mixed_bfloat16")
    assert layer(tf.constant([[1]])).dtype == tf.bfloat16
    assert layer.embeddings.dtype == tf.float32
