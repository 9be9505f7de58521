import hashlib
import pickle

import numpy as np
import pytest
import tensorflow as tf

from moc_tf.code_table import CodeTable, UnknownItemError
from moc_tf.data.interactions import Catalogue, Interactions
from moc_tf.data.protocols import label_parts
from moc_tf.data.ranking_data import prepare_ranking_data
from moc_tf.data.schema import (
    CategoricalFeature,
    CodeFeature,
    IdTablesFeature,
    Schema,
    VectorFeature,
)
from moc_tf.data.splits import split_by_time
from moc_tf.data.vectors import ItemVectors

# (user, item, rating), in order of time: eight rows to train on, one to validate with,
# one to test with.
ROWS = [
    ("u2", "c", 5),
    ("u1", "a", 1),
    ("u1", "b", 4),
    ("u2", "a", 3),
    ("u1", "c", 5),
    ("u2", "b", 2),
    ("u1", "a", 4),
    ("u2", "c", 1),
    ("u0", "a", 5),
    ("u3", "new", 2),
]
CATALOGUE = Catalogue(
    ["c", "a", "b", "new", "never"],
    {
        "brand": np.array(["X", "Y", "X", "Z", "Y"]),
        "category": np.array(["K", "K", "K", "L", "L"]),
        "title": np.array(["t1", "t2", "t3", "t4", "t5"]),
    },
)


def log_of(order=range(10)):
    users, items, ratings = zip(*(ROWS[row] for row in order), strict=True)
    return Interactions(
        np.array(users),
        np.array(items),
        np.array(order, np.int64),
        np.array(ratings, np.float32),
    )


def prepare(log=None, catalogue=CATALOGUE, protocol="rating", seed=0):
    return prepare_ranking_data(log or log_of(), catalogue, protocol, "tiny", seed)


@pytest.fixture(scope="module")
def data():
    return prepare()


def test_vocabularies_come_from_the_training_part(data):
    # Brand Z occurs in the test part alone; category varies there alone.
    assert data.schema == Schema(
        (
            CategoricalFeature("user", 3),
            CategoricalFeature("item", 4),
            CategoricalFeature("brand", 3),
        )
    )
    assert {name: ids.tolist() for name, ids in data.item_features.items()} == {
        "item": [3, 1, 2, 0, 0],
        "brand": [1, 2, 1, 0, 2],
    }
    assert data.train.users.tolist() == [2, 1, 1, 2, 1, 2, 1, 2]
    assert data.validation.users.tolist() == data.test.users.tolist() == [0]


def test_vocabularies_are_kept_by_feature(data):
    assert {name: v.values.tolist() for name, v in data.vocabularies.items()} == {
        "user": ["u1", "u2"],
        "item": ["a", "b", "c"],
        "brand": ["X", "Y"],
    }


def test_user_rows_tell_unseen_users_apart(data):
    assert data.train.user_rows.tolist() == [2, 1, 1, 2, 1, 2, 1, 2]
    assert data.validation.user_rows.tolist() == [0]
    assert data.test.user_rows.tolist() == [3]


def test_item_rows_point_into_the_catalogue(data):
    assert data.item_ids.tolist() == ["c", "a", "b", "new", "never"]
    assert data.train.item_rows.tolist() == [0, 1, 2, 1, 0, 2, 1, 0]
    assert data.validation.item_rows.tolist() == [1]
    assert data.test.item_rows.tolist() == [3]
    assert data.training_items.tolist() == [0, 1, 2]
    rows = b"".join(row.to_bytes(8, "little") for row in (0, 1, 2))
    assert data.training_items_sha256() == hashlib.sha256(rows).hexdigest()


def test_labels_and_new_items(data):
    assert data.train.labels.tolist() == [1, 0, 1, 0, 1, 0, 1, 0]
    assert data.validation.labels.tolist() == [1]
    assert data.test.labels.tolist() == [0]
    assert not data.train.new_item.any()
    assert data.validation.new_item.tolist() == [False]
    assert data.test.new_item.tolist() == [True]
    assert len(data.train) == 8


def test_counts_are_of_the_training_part(data):
    assert data.train.item_counts.tolist() == [3, 3, 2, 3, 3, 2, 3, 3]
    assert data.train.user_counts.tolist() == [4] * 8
    assert (data.validation.item_counts, data.validation.user_counts) == ([3], [0])
    assert (data.test.item_counts, data.test.user_counts) == ([0], [0])


def test_dtypes(data):
    part = data.train
    columns = (part.users, part.user_rows, part.item_rows, part.labels, part.new_item)
    assert [column.dtype for column in columns] == [
        *(np.int32, np.int64, np.int32, np.float32, bool)
    ]


def test_attributes_that_the_catalogue_lacks_are_no_features():
    schema = prepare(catalogue=Catalogue(CATALOGUE.item_ids, {})).schema
    assert [feature.name for feature in schema.features] == ["user", "item"]


def test_attributes_are_those_asked_for():
    data = prepare_ranking_data(
        log_of(), CATALOGUE, "rating", "tiny", item_attributes=["title", "shop"]
    )
    assert list(data.item_features) == ["item", "title"]
    titles = data.vocabularies["title"]
    known = data.item_features["title"][[0, 1, 2]]
    assert titles.values[known - 1].tolist() == ["t1", "t2", "t3"]
    assert data.item_features["title"][3:].tolist() == [0, 0]


@pytest.mark.parametrize("name", ["item", "user", "codes", "label", "item_vector"])
def test_an_attribute_named_as_another_feature_is_refused(name):
    with pytest.raises(ValueError, match=rf"\['{name}'\]. Rename them"):
        prepare_ranking_data(
            log_of(), CATALOGUE, "rating", "tiny", item_attributes=["title", name]
        )


def test_names_are_kept(data):
    assert (data.name, data.protocol) == ("tiny", "rating")


class TestChecksums:
    def test_they_are_those_of_the_labelled_parts(self, data):
        log = log_of()
        expected = [
            part.sha256() for part in label_parts(log, split_by_time(log), "rating")
        ]
        parts = (data.train, data.validation, data.test)
        assert [part.sha256 for part in parts] == expected
        assert data.sha256 == hashlib.sha256("".join(expected).encode()).hexdigest()

    def test_the_order_of_the_files_does_not_matter(self, data):
        order = [3, 9, 0, 7, 5, 1, 8, 6, 2, 4]
        items = [4, 2, 0, 3, 1]
        catalogue = Catalogue(
            CATALOGUE.item_ids[items],
            {name: values[items] for name, values in CATALOGUE.attributes.items()},
        )
        assert prepare(log_of(order), catalogue).sha256 == data.sha256

    def test_the_protocol_and_its_seed_matter(self, data):
        log = Interactions(
            np.array([f"u{i % 4}" for i in range(40)]),
            np.array(["c", "a", "b", "never"] * 10),
            np.arange(40),
            np.ones(40, np.float32),
        )
        checksums = {prepare(log).sha256} | {
            prepare(log, protocol="implicit", seed=seed).sha256 for seed in (0, 1)
        }
        assert len(checksums) == 3
        assert prepare(log, protocol="implicit").sha256 in checksums


def test_implicit_rows_are_doubled():
    log = Interactions(
        np.array(["u1", "u2"] * 10),
        np.array(["c", "a"] * 9 + ["c", "new"]),
        np.arange(20),
        None,
    )
    data = prepare(log, protocol="implicit")
    assert data.train.labels.tolist() == [1, 0] * 16
    assert data.train.item_rows.tolist() == [0, 1, 1, 0] * 8
    assert data.train.user_rows.tolist() == [0, 0, 1, 1] * 8
    assert data.test.item_rows.tolist() == [0, 3, 3, 0]
    assert data.test.new_item.tolist() == [False, True, True, False]
    # Of interactions, not of rows, which are twice as many.
    assert data.train.item_counts.tolist() == [8] * 32
    assert data.test.user_counts.tolist() == [8] * 4


def test_items_that_the_catalogue_lacks_are_named():
    # One item of training and one of the test part alone.
    for keep, missing in (([0, 1, 3], "b"), ([0, 1, 2], "new")):
        with pytest.raises(
            ValueError, match=rf"1 item ids .* missing from the catalogue.*'{missing}'"
        ):
            prepare(catalogue=Catalogue(CATALOGUE.item_ids[keep], {}))


class TestBatches:
    # In another order than the catalogue, with an item that it lacks.
    TABLE = CodeTable(
        ["new", "b", "other", "a", "c", "never"],
        [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 0]],
        codebook_size=6,
    )

    def test_they_hold_what_the_schema_says(self, data):
        batch = next(iter(data.batches(data.train, 4)))
        assert {name: values.numpy().tolist() for name, values in batch.items()} == {
            "user": [2, 1, 1, 2],
            "item": [3, 1, 2, 1],
            "brand": [1, 2, 1, 2],
            "label": [1, 0, 1, 0],
        }
        assert data.schema_with(None) == data.schema

    def test_codes_are_joined_by_item(self, data):
        schema = data.schema_with(self.TABLE)
        assert schema.codes == CodeFeature("codes", 2, 6)
        (batch,) = data.batches(data.test, 4, self.TABLE)
        assert batch.keys() == {f.name for f in schema.features} | {schema.label}
        assert batch["codes"].numpy().tolist() == [[0, 1]]
        first, second = data.batches(data.train, 4, self.TABLE)
        assert first["codes"].numpy().tolist() == [[4, 5], [3, 4], [1, 2], [3, 4]]
        assert second["codes"].numpy().tolist() == [[4, 5], [1, 2], [3, 4], [4, 5]]

    def test_they_have_the_dtypes_of_the_schema(self, data):
        schema = data.schema_with(self.TABLE)
        spec = data.batches(data.train, 4, self.TABLE).element_spec
        for name, example in schema.example_batch().items():
            assert spec[name].dtype.as_numpy_dtype == example.dtype
            assert tuple(spec[name].shape[1:]) == example.shape[1:]
        assert spec[schema.label].dtype.as_numpy_dtype == np.float32

    def test_they_are_shuffled_by_the_seed(self, data):
        def rows(seed):
            (batch,) = data.batches(data.train, 8, shuffle_seed=seed)
            columns = (batch[name].numpy() for name in ("user", "item", "label"))
            return list(zip(*columns, strict=True))

        assert rows(1) == rows(1) != rows(None)
        assert sorted(rows(1)) == sorted(rows(None))

    def test_an_item_without_codes_is_an_error(self, data):
        table = CodeTable(["a", "b", "c", "new"], np.zeros((4, 2), int), 1)
        with pytest.raises(UnknownItemError, match="'never'"):
            data.batches(data.train, 4, table)


class TestVectors:
    # Those of a and b, and c, are what training sees: mean (2, 0), squares 2/3 and 6.
    IDS = ("a", "b", "c", "never", "new", "other")
    ROWS = ((1, 3), (3, -3), (2, 0), (7, 7), (8, 8), (9, 9))

    def vectors(self, dtype="float16"):
        return ItemVectors(np.array(self.IDS), np.array(self.ROWS, dtype))

    def test_they_are_a_feature_that_the_training_items_standardise(self, data):
        feature = data.with_item_vectors(self.vectors(), 2).schema.features[-1]
        assert feature.scale == pytest.approx(np.sqrt((2 / 3 + 6) / 2))
        assert feature == VectorFeature("item_vector", 2, 2, (2, 0), feature.scale)
        assert data.with_item_vectors(self.vectors(), 2).schema.features[:-1] == (
            data.schema.features
        )

    @pytest.mark.parametrize(
        ("given", "joined"),
        [("float16", "float16"), ("float32", "float32"), ("float64", "float32")],
    )
    def test_they_are_joined_as_they_are_those_of_new_items_too(
        self, data, given, joined
    ):
        described = data.with_item_vectors(self.vectors(given), 2)
        (batch,) = described.batches(described.test, 4)
        assert batch.keys() == {*described.schema.inputs, "label"}
        assert batch["item_vector"].dtype == joined
        assert batch["item_vector"].numpy().tolist() == [[8, 8]]
        first, _ = described.batches(described.train, 4)
        assert first["item_vector"].numpy().tolist() == [
            [2, 0],
            [1, 3],
            [3, -3],
            [1, 3],
        ]

    def test_data_sets_share_them(self, data):
        described = data.with_item_vectors(self.vectors(), 2)
        assert described._item_tensors is described._item_tensors
        next(iter(described.batches(described.test, 4)))
        copy = pickle.loads(pickle.dumps(described))
        assert "_item_tensors" not in vars(copy)
        (batch,) = copy.batches(copy.test, 4)
        assert batch["item_vector"].numpy().tolist() == [[8, 8]]

    def test_a_data_set_made_in_a_graph_leaves_no_tensor_of_it(self, data):
        described = data.with_item_vectors(self.vectors(), 2)

        @tf.function
        def total():
            batches = described.batches(described.test, 4)
            return batches.reduce(
                tf.zeros([1, 2], tf.float16), lambda _, batch: batch["item_vector"]
            )

        assert total().numpy().tolist() == [[8, 8]]
        (batch,) = described.batches(described.test, 4)
        assert batch["item_vector"].numpy().tolist() == [[8, 8]]

    def test_they_change_the_checksum_of_the_items(self, data):
        checksums = {
            data.item_features_sha256,
            data.with_item_vectors(self.vectors(), 2).item_features_sha256,
            data.with_item_vectors(self.vectors("float32"), 2).item_features_sha256,
        }
        assert len(checksums) == 3

    def test_an_item_without_a_vector_is_an_error(self, data):
        few = ItemVectors(np.array(self.IDS[1:]), np.array(self.ROWS[1:], "float32"))
        with pytest.raises(ValueError, match="have no vector: 'a'"):
            data.with_item_vectors(few, 2)


class TestItemTables:
    def test_they_read_the_ids_of_the_items(self, data):
        described = data.with_item_tables(3)
        tables = IdTablesFeature("item_tables", "item", 4, num_tables=3)
        assert described.schema.features == (*data.schema.features, tables)
        (batch,) = described.batches(described.test, 4)
        assert batch.keys() == {"user", "item", "brand", "label"}
        assert batch["item"].numpy().tolist() == [0]  # new: of no row of its own

    def test_one_item_alone_is_an_error(self):
        log = Interactions(
            np.array(["u1", "u2"] * 5),
            np.array(["a"] * 10),
            np.arange(10),
            np.array([1, 5] * 5, np.float32),
        )
        with pytest.raises(ValueError, match=r"at least two items.*Received: 1\."):
            prepare(log).with_item_tables(2)
