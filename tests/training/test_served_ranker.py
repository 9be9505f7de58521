"""From raw ids to logits inside a graph, for every ranker, on hand-made data."""

import dataclasses

import numpy as np
import pytest

from moc_tf.code_table import CodeTable
from moc_tf.data import CategoricalFeature, CodeFeature, Schema, ServingData, Vocabulary
from moc_tf.ranking import interactions, make_ranker
from moc_tf.training.served_ranker import ServedRanker

SCHEMA = Schema(
    (
        CategoricalFeature("user", 3),
        CategoricalFeature("item", 4),
        CodeFeature("codes", 2, 4),
        CategoricalFeature("brand", 3),
    )
)
DATA = ServingData(
    {
        "user": Vocabulary(["u2", "u1"]),
        "item": Vocabulary(["a", "b", "c"]),
        "brand": Vocabulary(["X", "Y"]),
    },
    np.array(["c", "a", "b", "new"]),
    {
        "item": np.array([3, 1, 2, 0], np.int32),
        "brand": np.array([1, 2, 1, 2], np.int32),
    },
)
# In another order than the data, with an item that these lack.
TABLE = CodeTable(
    ["extra", "b", "new", "a", "c"], [[0, 1], [1, 2], [2, 3], [3, 0], [1, 1]], 4
)
USERS = ["u2", "u9", "u1", "u1", "u2"]
ITEMS = ["c", "new", "extra", "other", "a"]
FEATURES = {
    "user": np.array([2, 0, 1, 1, 2], np.int32),
    "item": np.array([3, 0, 0, 0, 1], np.int32),
    "brand": np.array([1, 2, 0, 0, 2], np.int32),
    "codes": np.array([[1, 1], [2, 3], [0, 1], [-1, -1], [3, 0]], np.int32),
}


def ranker_of(name, schema=SCHEMA):
    small = (
        {"hidden_units": (4,)} if "hidden_units" in interactions.options(name) else {}
    )
    ranker = make_ranker(
        interactions.get(name, **small),
        schema,
        embedding_dim=4,
        embeddings_initializer="glorot_normal",
    )
    ranker.build()
    return ranker


@pytest.mark.parametrize("name", interactions.names())
def test_every_ranker_reads_what_a_request_says(name):
    ranker = ranker_of(name)
    served = ServedRanker(ranker, DATA, TABLE)
    function = served.functions["serving_default"]
    answer = function(user=np.array(USERS), item=np.array(ITEMS))
    expected = ranker(FEATURES).numpy()
    assert len(set(np.round(expected, 6))) == 5
    np.testing.assert_allclose(answer["logit"], expected, atol=1e-6)
    np.testing.assert_allclose(
        answer["probability"], 1 / (1 + np.exp(-expected)), atol=1e-6
    )
    one = function(user=np.array(USERS[:1]), item=np.array(ITEMS[:1]))
    np.testing.assert_allclose(one["logit"], expected[:1], atol=1e-6)


def test_what_does_not_belong_together_is_refused():
    ranker = ranker_of("deepfm")
    with pytest.raises(ValueError, match=r"served with the code table.*table None"):
        ServedRanker(ranker, DATA)
    wide = CodeTable(["a"], [[0, 1]], 8)
    with pytest.raises(ValueError, match=r"2 codebooks of 4 codes.*has 2 of 8"):
        ServedRanker(ranker, DATA, wide)
    no_brand = dataclasses.replace(
        DATA, item_features={"item": DATA.item_features["item"]}
    )
    with pytest.raises(ValueError, match=r"neither tells. Received: \['brand'\]"):
        ServedRanker(ranker, no_brand, TABLE)
    users = {**DATA.vocabularies, "user": Vocabulary(["u1", "u2", "u3"])}
    with pytest.raises(ValueError, match=r"of 'user' must have the size.*3. Rec.*: 4"):
        ServedRanker(ranker, dataclasses.replace(DATA, vocabularies=users), TABLE)
