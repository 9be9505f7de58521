import json

import numpy as np
import pytest

from moc_tf.code_table import CodeTable
from moc_tf.data.schema import CategoricalFeature, CodeFeature, Schema

USER, ITEM = CategoricalFeature("user", 5), CategoricalFeature("item", 9)
CODES = CodeFeature("codes", num_codebooks=3, codebook_size=4)
REPEATED = CodeFeature("codes", num_codebooks=3, codebook_size=4, tables_per_code=5)


def table_of(num_codebooks, codebook_size, tables_per_code=1):
    codes = np.zeros((1, num_codebooks), int)
    return CodeTable(["a"], codes, codebook_size, tables_per_code=tables_per_code)


def test_a_schema_knows_its_features_in_order():
    schema = Schema((USER, CODES, ITEM), label="click")
    assert schema.categorical == (USER, ITEM)
    assert schema.codes == CODES
    assert schema.num_fields == 5
    assert schema.label == "click"


def test_every_table_of_a_code_is_a_field():
    schema = Schema((USER, REPEATED, ITEM))
    assert REPEATED.num_fields == 15
    assert schema.num_fields == 17
    assert schema.example_batch()["codes"].shape == (1, 3)


def test_codes_may_be_absent():
    schema = Schema((USER, ITEM))
    assert schema.codes is None
    assert schema.num_fields == 2


def test_with_codes_appends_the_feature_of_a_table():
    plain = Schema((USER, ITEM), label="click")
    assert plain.with_codes(table_of(3, 4)) == Schema((USER, ITEM, CODES), "click")
    assert plain.with_codes(table_of(3, 4), "sid").codes == CodeFeature("sid", 3, 4)
    assert plain.with_codes(table_of(3, 4, 5)).codes == REPEATED
    assert plain.codes is None


def test_example_batch_is_a_row_of_unknown_values():
    batch = Schema((USER, CODES)).example_batch()
    assert {name: values.tolist() for name, values in batch.items()} == {
        "user": [0],
        "codes": [[-1, -1, -1]],
    }
    assert {values.dtype for values in batch.values()} == {np.dtype(np.int32)}


@pytest.mark.parametrize(
    "schema",
    [
        Schema((USER, CODES, ITEM), "click"),
        Schema((ITEM,)),
        Schema((REPEATED,)),
    ],
)
def test_json_round_trip(schema):
    assert Schema.from_config(json.loads(json.dumps(schema.to_config()))) == schema


def test_a_config_is_plain():
    assert Schema((USER, CODES)).to_config() == {
        "features": [
            {"kind": "categorical", "name": "user", "vocabulary_size": 5},
            {
                "kind": "codes",
                "name": "codes",
                "num_codebooks": 3,
                "codebook_size": 4,
                "tables_per_code": 1,
            },
        ],
        "label": "label",
    }


def test_reading_a_config_leaves_it_alone():
    config = Schema((USER,)).to_config()
    assert Schema.from_config(config) == Schema.from_config(config)


def test_a_config_from_before_there_were_several_tables_is_read():
    config = Schema((CODES,)).to_config()
    del config["features"][0]["tables_per_code"]
    assert Schema.from_config(config) == Schema((CODES,))


def test_an_unknown_kind_of_feature_is_refused():
    config = {"features": [{"kind": "dense", "name": "price"}], "label": "label"}
    with pytest.raises(
        ValueError, match=r"one of \['categorical', 'codes'\]\. Received: 'dense'\."
    ):
        Schema.from_config(config)


@pytest.mark.parametrize(
    ("features", "label", "message"),
    [
        ((USER, USER), "label", r"different\. Received: \['user', 'user', 'label'\]"),
        ((USER,), "user", r"Names must be different\. Received: \['user', 'user'\]"),
        ((CODES, CodeFeature("more", 1, 1)), "label", "At most one code feature"),
        ((), "label", r"at least one feature\. Received: none\."),
    ],
)
def test_impossible_schemas_are_refused(features, label, message):
    with pytest.raises(ValueError, match=message):
        Schema(features, label)


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match=r"'user' must be at least 1 .*Received: 0\.$"):
        CategoricalFeature("user", 0)
    for sizes in ((0, 4, 1), (3, 0, 1), (3, 4, 0)):
        with pytest.raises(
            ValueError,
            match=rf"of 'codes' must be at least 1\. Received: {sizes[0]}, {sizes[1]} "
            rf"and {sizes[2]}\.",
        ):
            CodeFeature("codes", *sizes)
    assert CategoricalFeature("user", 1).vocabulary_size == 1
    assert CodeFeature("codes", 1, 1).codebook_size == 1


def test_a_fitting_table_passes():
    CODES.check(table_of(3, 4))
    REPEATED.check(table_of(3, 4, 5))


@pytest.mark.parametrize("shape", [(2, 4, 1), (3, 5, 1), (4, 3, 1), (3, 4, 2)])
def test_another_table_is_refused_with_both_shapes(shape):
    with pytest.raises(
        ValueError,
        match=r"feature 'codes': the ranker was made for 3 codebooks of 4 codes, each "
        rf"with 1 embedding tables, the table has {shape[0]} of {shape[1]}, each with "
        rf"{shape[2]}\. Train a ranker for this table or",
    ):
        CODES.check(table_of(*shape))
