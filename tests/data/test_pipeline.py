import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from moc_tf.data.pipeline import fixed, make_batches

NUMBERS = {"x": np.arange(50), "square": np.arange(50) ** 2}
LOG = {
    "item": np.array([2, 0, 1, 2, 2], np.int32),
    "label": np.array([1, 0, 0, 1, 0], np.float32),
}
ITEMS = {
    "brand": np.array([7, 8, 9], np.int32),
    "codes": np.array([[0, 1], [2, 3], [4, 5]], np.int32),
}


def batches_of(dataset):
    return list(dataset.as_numpy_iterator())


def values_of(dataset, name="x"):
    return np.concatenate([batch[name] for batch in batches_of(dataset)]).tolist()


def nodes_of(dataset):
    """The nodes of the functions that a data set runs."""
    for function in dataset._functions():
        graph = function.function.graph.as_graph_def()
        yield from graph.node
        for inner in graph.library.function:
            yield from inner.node_def
    for source in dataset._inputs():
        yield from nodes_of(source)


@pytest.mark.parametrize(
    ("asked", "got"), [(None, False), (True, True), (False, False)]
)
def test_a_pipeline_is_tuned_only_if_it_asks_for_that(asked, got):
    options = tf.data.Options()
    if asked is not None:
        options.autotune.enabled = asked
    options.deterministic = False
    run = fixed(tf.data.Dataset.range(3).with_options(options))
    assert run.options().autotune.enabled is got
    assert run.options().deterministic is False
    assert batches_of(run) == [0, 1, 2]


def test_without_a_seed_the_order_is_kept():
    columns = {"x": np.arange(5), "y": np.arange(10.0).reshape(5, 2)}
    dataset = make_batches(columns, 2)
    for _ in range(2):
        first, second, last = batches_of(dataset)
        assert first["x"].tolist() == [0, 1]
        assert second["y"].tolist() == [[4, 5], [6, 7]]
        assert last["x"].tolist() == [4]
        assert last["y"].tolist() == [[8, 9]]


def test_dtypes_are_kept():
    columns = {
        "a": np.zeros(2, np.int32),
        "b": np.zeros(2, np.float32),
        "c": np.zeros(2, np.float16),
        "d": np.array(["u", "v"]),
    }
    spec = make_batches(columns, 2).element_spec
    assert {name: each.dtype for name, each in spec.items()} == {
        "a": tf.int32,
        "b": tf.float32,
        "c": tf.float16,
        "d": tf.string,
    }


@settings(deadline=None, max_examples=25)
@given(
    rows=st.integers(1, 12),
    batch_size=st.integers(1, 15),
    drop=st.booleans(),
    seed=st.none() | st.integers(0, 3),
)
def test_sizes_and_cardinality(rows, batch_size, drop, seed):
    assume(rows >= batch_size or not drop)
    dataset = make_batches(
        {"x": np.arange(rows)}, batch_size, seed, drop_remainder=drop
    )
    sizes = [batch_size] * (rows // batch_size)
    if rows % batch_size and not drop:
        sizes.append(rows % batch_size)
    assert [len(batch["x"]) for batch in batches_of(dataset)] == sizes
    assert dataset.cardinality().numpy() == len(sizes)


def test_batches_without_a_remainder_have_a_known_shape():
    columns = {"x": np.arange(10), "y": np.zeros((10, 3), np.float32)}
    spec = make_batches(columns, 4, drop_remainder=True).element_spec
    assert {name: each.shape.as_list() for name, each in spec.items()} == {
        "x": [4],
        "y": [4, 3],
    }


def test_fewer_rows_than_one_batch_are_refused_if_they_would_be_dropped():
    with pytest.raises(ValueError, match=r"Received: 3 rows and batch_size 4\."):
        make_batches({"x": np.arange(3)}, 4, drop_remainder=True)


def test_strings_may_be_of_variable_width():
    columns = {"x": np.array(["a", "yé"], np.dtypes.StringDType())}
    (batch,) = batches_of(make_batches(columns, 2))
    assert [value.decode() for value in batch["x"]] == ["a", "yé"]


class TestShuffling:
    def test_every_row_comes_once_an_epoch_in_another_order_each(self):
        dataset = make_batches(NUMBERS, 8, shuffle_seed=1)
        epochs = [values_of(dataset) for _ in range(3)]
        for epoch in epochs:
            assert sorted(epoch) == list(range(50))
        orders = {tuple(epoch) for epoch in [*epochs, range(50)]}
        assert len(orders) == 4

    def test_repeated_passes_have_their_own_orders(self):
        twice = values_of(make_batches(NUMBERS, 8, shuffle_seed=1).repeat(2))
        assert sorted(twice[:50]) == sorted(twice[50:]) == list(range(50))
        assert twice[:50] != twice[50:]

    def test_columns_stay_together(self):
        for batch in batches_of(make_batches(NUMBERS, 8, shuffle_seed=1)):
            assert (batch["square"] == batch["x"] ** 2).all()

    def test_equal_seeds_give_equal_orders_in_every_epoch(self):
        def epochs(seed):
            dataset = make_batches(NUMBERS, 8, shuffle_seed=seed)
            return [values_of(dataset) for _ in range(3)]

        assert epochs(0) == epochs(0)
        assert epochs(0) != epochs(1)

    def test_rows_travel_far(self):
        # A shuffle buffer smaller than the data would keep early rows early.
        columns = {"x": np.arange(4000)}
        order = np.array(values_of(make_batches(columns, 512, shuffle_seed=0)))
        assert abs(np.corrcoef(order, np.arange(4000))[0, 1]) < 0.06


class TestJoin:
    def test_rows_get_the_columns_of_their_key(self):
        first, second = batches_of(make_batches(LOG, 3, joined=ITEMS, join_key="item"))
        assert {name: column.tolist() for name, column in first.items()} == {
            "label": [1, 0, 0],
            "brand": [9, 7, 8],
            "codes": [[4, 5], [0, 1], [2, 3]],
        }
        assert second["brand"].tolist() == [9, 9]

    @pytest.mark.parametrize("seed", [None, 5])
    def test_it_equals_a_join_in_numpy(self, seed):
        random = np.random.default_rng(0)
        log = {"row": np.arange(300), "key": random.integers(40, size=300)}
        table = {"vector": random.random((40, 3)), "name": np.arange(40).astype(str)}
        dataset = make_batches(log, 64, seed, table, "key")
        rows = np.array(values_of(dataset, "row"))
        assert sorted(rows) == list(range(300))
        dataset = make_batches(log, 64, seed, table, "key")
        for start, batch in zip(range(0, 300, 64), batches_of(dataset), strict=True):
            keys = log["key"][rows[start : start + 64]]
            np.testing.assert_array_equal(batch["vector"], table["vector"][keys])
            assert batch["name"].astype(str).tolist() == table["name"][keys].tolist()

    @pytest.mark.parametrize(
        ("keys", "received"), [([0, 3], "from 0 to 3"), ([-1, 0], "from -1 to 0")]
    )
    def test_keys_out_of_range_are_refused(self, keys, received):
        with pytest.raises(
            ValueError,
            match=rf"'item' must lie in \[0, 3\), .*Received: values {received}",
        ):
            make_batches({"item": np.array(keys)}, 2, None, ITEMS, "item")

    def test_the_key_must_be_a_column(self):
        with pytest.raises(
            ValueError, match=r"one of the columns \['item', 'label'\]\. Received: 'it'"
        ):
            make_batches(LOG, 2, joined=ITEMS, join_key="it")

    def test_joined_columns_are_equally_long(self):
        with pytest.raises(ValueError, match=r"Joined columns must be equally long"):
            make_batches(LOG, 2, joined=ITEMS | {"x": np.ones(2)}, join_key="item")

    def test_names_must_be_free(self):
        taken = {"label": np.ones(3), "item": np.arange(3)}
        with pytest.raises(ValueError, match=r"taken names: \['label'\]"):
            make_batches(LOG, 2, joined=taken, join_key="item")
        # The key's own name is free, for the key does not appear.
        batch, *_ = batches_of(
            make_batches(LOG, 5, joined={"item": np.array([5, 6, 7])}, join_key="item")
        )
        assert batch["item"].tolist() == [7, 5, 6, 7, 7]


@pytest.mark.parametrize("seed", [None, 0])
def test_no_column_becomes_a_constant_of_a_graph(seed):
    rows = 50_000
    columns = {"key": np.arange(rows), "x": np.ones((rows, 4))}
    table = {"vector": np.ones((rows, 4))}
    nodes = list(nodes_of(make_batches(columns, 10, seed, table, "key")))
    assert sum(node.op == "GatherV2" for node in nodes) == len(columns) + len(table)
    assert 0 < sum(node.ByteSize() for node in nodes if node.op == "Const") < 10_000


def test_rows_are_no_elements_of_a_data_set():
    # To handle each by itself costs more than all else.
    operations = {node.op for node in nodes_of(make_batches(NUMBERS, 8, 0))}
    datasets = {op for op in operations if "Dataset" in op}
    of_the_number_of_the_pass = {"GeneratorDataset"}
    assert datasets - of_the_number_of_the_pass == {"RangeDataset", "MapDataset"}


def test_tensorflow_leaves_the_allocator_alone():
    script = """
import sys
import numpy as np, tensorflow as tf
from moc_tf.data import hide_values
from moc_tf.data.pipeline import make_batches
columns = {"user": np.arange(9, dtype=np.int32), "label": np.zeros(9, np.float32)}
data = make_batches(columns, 2, shuffle_seed=0)
assert len(list(hide_values(data, ["user"], 0.5, seed=0))) == 5
print("ours ends", file=sys.stderr, flush=True)
signature = tf.TensorSpec((), tf.int64)
list(tf.data.Dataset.from_generator(lambda: iter([1]), output_signature=signature))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    ours, _, generated = done.stderr.partition("ours ends")
    if "M_TRIM_THRESHOLD" not in generated:
        pytest.skip("this TensorFlow changes nothing for a generator either")
    assert "M_TRIM_THRESHOLD" not in ours


def test_integers_of_one_type_are_gathered_at_once():
    columns = {
        "a": np.arange(6, dtype=np.int32),
        "pair": np.arange(12, dtype=np.int32).reshape(6, 2),
        "cube": np.arange(24, dtype=np.int32).reshape(6, 2, 2),
        "long": np.arange(6) + 2**40,
        "float": np.arange(6, dtype=np.float32),
        "b": tf.range(6) + 10,
    }
    dataset = make_batches(columns, 4, shuffle_seed=0)
    gathers = [node for node in nodes_of(dataset) if node.op == "GatherV2"]
    assert len(gathers) == 4
    for batch in batches_of(dataset):
        for name, values in columns.items():
            expected = np.asarray(values)[batch["a"]]
            assert batch[name].dtype == expected.dtype
            np.testing.assert_array_equal(batch[name], expected)


@pytest.mark.parametrize(
    ("columns", "received"),
    [
        ({"x": np.ones(3), "y": np.ones(2)}, r"\{'x': 3, 'y': 2\}"),
        ({"x": np.ones(0), "y": np.ones(0)}, r"\{'x': 0, 'y': 0\}"),
        ({}, r"\{\}"),
    ],
)
def test_unequal_and_empty_columns_are_refused(columns, received):
    with pytest.raises(
        ValueError,
        match=rf"^Columns must be equally long and not empty\. Received: {received}\.$",
    ):
        make_batches(columns, 2)


def test_batches_have_rows():
    with pytest.raises(ValueError, match=r"batch_size must be at least 1\. .* 0\."):
        make_batches({"x": np.ones(3)}, 0)


def test_what_the_caller_does_to_an_array_later_does_not_show():
    columns = {"a": np.arange(64, dtype=np.int32), "b": np.zeros(64, np.float32)}
    batches = make_batches(columns, 64)
    for values in columns.values():
        values[:] = -1
    (batch,) = batches
    np.testing.assert_array_equal(batch["a"], np.arange(64))
    np.testing.assert_array_equal(batch["b"], np.zeros(64))
