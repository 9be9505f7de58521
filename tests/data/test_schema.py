import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf.code_table import CodeTable
from moc_tf.data.schema import (
    CategoricalFeature,
    CodeFeature,
    IdTablesFeature,
    MultiValuedFeature,
    NumericFeature,
    Schema,
    VectorFeature,
)

USER, ITEM = CategoricalFeature("user", 5), CategoricalFeature("item", 9)
CODES = CodeFeature("codes", num_codebooks=3, codebook_size=4)
TAGS, PRICE = MultiValuedFeature("tags", 7), NumericFeature("price", 2.0, 0.5, True)
TEXT = VectorFeature("text", dim=4)
ITEM_TABLES = IdTablesFeature("item_tables", "item", 9, num_tables=3)
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
    assert schema.fused is None
    assert schema.num_fields == 2


def test_every_kind_of_feature_has_its_fields():
    schema = Schema((TEXT, TAGS, CODES, PRICE, ITEM))
    assert schema.num_fields == 1 + 1 + 3 + 1 + 1
    assert schema.fused == schema.codes == CODES
    assert schema.of_kind(MultiValuedFeature) == (TAGS,)
    assert Schema((ITEM, ITEM_TABLES)).num_fields == 1 + 3
    assert Schema((ITEM, ITEM_TABLES)).fused == ITEM_TABLES
    several = VectorFeature("text", 4, num_fields=5)
    assert Schema((several, PRICE)).num_fields == 5 + 1
    assert Schema((several, PRICE)).fused == several
    assert Schema((TEXT, PRICE)).fused is None


def test_id_tables_read_what_is_there_already():
    schema = Schema((ITEM_TABLES, ITEM, CategoricalFeature("user", 9)))
    assert schema.inputs == ("item", "user")
    assert schema.example_batch().keys() == {"item", "user"}


def test_vectors_can_be_left_out():
    schema = Schema((TEXT, USER, VectorFeature("image", 2)), "click")
    assert schema.without_vectors() == Schema((USER,), "click")
    assert Schema((TEXT,)).without_vectors() is None


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


def test_example_batch_is_a_row_of_every_kind():
    batch = Schema((TAGS, PRICE, TEXT)).example_batch()
    assert {
        name: (values.tolist(), values.dtype.name) for name, values in batch.items()
    } == {
        "tags": ([[-1]], "int32"),
        "price": ([pytest.approx(np.e**2 - 1)], "float32"),
        "text": ([[0.0] * 4], "float32"),
    }
    centred = (VectorFeature("text", 2, 1, (3, 4)), NumericFeature("age", 40.0))
    batch = Schema(centred).example_batch()
    assert batch["text"].tolist() == [[3, 4]]
    assert batch["age"].tolist() == [40]


@st.composite
def schemas(draw):
    """Schemas of up to six features of any kinds, one of them fused."""
    size, number = st.integers(1, 10**4), st.floats(-1e9, 1e9)
    scale = st.floats(1e-9, 1e9)
    plain = st.one_of(
        st.builds(CategoricalFeature, st.just(""), size),
        st.builds(
            MultiValuedFeature, st.just(""), size, st.sampled_from(["mean", "sum"])
        ),
        st.builds(NumericFeature, st.just(""), number, scale),
        st.builds(NumericFeature, st.just(""), st.floats(-9, 9), scale, st.just(True)),
        st.builds(
            lambda mean, scale: VectorFeature("", len(mean), 1, tuple(mean), scale),
            st.lists(number, min_size=1, max_size=4),
            scale,
        ),
        st.builds(VectorFeature, st.just(""), size),
    )
    fused = st.one_of(
        st.builds(CodeFeature, st.just(""), size, size, size),
        st.builds(VectorFeature, st.just(""), size, st.integers(2, 9)),
        st.builds(IdTablesFeature, st.just(""), st.just("id"), st.just(8), size),
    )
    features = draw(st.lists(plain, max_size=4)) + draw(st.lists(fused, max_size=1))
    count = len(features) + 1
    names = st.text(min_size=1).filter(lambda name: name != "id")
    label, *names = draw(st.lists(names, min_size=count, max_size=count, unique=True))
    named = [
        dataclasses.replace(feature, name=name)
        for feature, name in zip(features, names, strict=True)
    ]
    named.append(CategoricalFeature("id", 8))
    return Schema(tuple(draw(st.permutations(named))), label)


@given(schemas())
@settings(deadline=None, max_examples=40)
def test_json_round_trip(schema):
    text = json.dumps(schema.to_config(), allow_nan=False)
    assert Schema.from_config(json.loads(text)) == schema
    assert schema.example_batch().keys() == set(schema.inputs)


@pytest.mark.parametrize(
    "schema",
    [
        Schema((USER, CODES, ITEM), "click"),
        Schema((ITEM,)),
        Schema((REPEATED,)),
        Schema((ITEM_TABLES, TAGS, PRICE, ITEM, TEXT)),
    ],
)
def test_json_round_trip_of_an_example(schema):
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


def test_the_config_of_every_new_kind_is_plain():
    schema = Schema((ITEM, ITEM_TABLES, TAGS, PRICE, VectorFeature("v", 2, 1, (3, 4))))
    assert schema.to_config()["features"][1:] == [
        {
            "kind": "id_tables",
            "name": "item_tables",
            "of": "item",
            "vocabulary_size": 9,
            "num_tables": 3,
        },
        {
            "kind": "multi_valued",
            "name": "tags",
            "vocabulary_size": 7,
            "pooling": "mean",
        },
        {"kind": "numeric", "name": "price", "mean": 2.0, "scale": 0.5, "log1p": True},
        {
            "kind": "vector",
            "name": "v",
            "dim": 2,
            "num_fields": 1,
            "mean": [3, 4],
            "scale": 1.0,
        },
    ]


def test_a_weight_is_kept_and_no_input():
    schema = Schema((USER, CODES), weight="weight")
    assert schema.to_config()["weight"] == "weight"
    assert Schema.from_config(schema.to_config()) == schema
    assert "weight" not in (*schema.inputs, *schema.example_batch())
    with pytest.raises(ValueError, match=r"different\. Received: \['user', 'label'"):
        Schema((USER,), weight="label")


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
        ValueError,
        match=r"one of \['categorical', 'codes', 'id_tables', 'multi_valued', "
        r"'numeric', 'vector'\]\. Received: 'dense'\.",
    ):
        Schema.from_config(config)


@pytest.mark.parametrize(
    ("features", "label", "message"),
    [
        ((USER, USER), "label", r"different\. Received: \['user', 'user', 'label'\]"),
        ((USER,), "user", r"Names must be different\. Received: \['user', 'user'\]"),
        (
            (CODES, CodeFeature("more", 1, 1)),
            "label",
            r"At most one feature may be codes,.*Received: \['codes', 'more'\]",
        ),
        ((CODES, VectorFeature("v", 2, 2)), "label", r"Received: \['codes', 'v'\]"),
        ((ITEM, ITEM_TABLES, CODES), "label", r"\['item_tables', 'codes'\]"),
        ((USER, ITEM_TABLES), "label", r"'item_tables' need.*'item'.*=9\)\. Received"),
        (
            (CategoricalFeature("item", 8), ITEM_TABLES),
            "label",
            r"vocabulary_size=9\)\. Received: .*vocabulary_size=8",
        ),
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
    with pytest.raises(ValueError, match=r"'tags' must be at least 1 .*Received: 0\.$"):
        MultiValuedFeature("tags", 0)
    with pytest.raises(ValueError, match=r"'tags' must be 'mean' or 'sum'.*'max'\.$"):
        MultiValuedFeature("tags", 3, "max")
    for sizes in ((0, 3), (4, 0)):
        with pytest.raises(ValueError, match=rf"'t' .*: {sizes[0]} and {sizes[1]}\."):
            IdTablesFeature("t", "item", *sizes)
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
