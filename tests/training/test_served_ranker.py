"""From raw ids to logits inside a graph, for every ranker, on hand-made data."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from moc_tf.code_table import CodeTable
from moc_tf.data import CategoricalFeature, CodeFeature, Schema, ServingData, Vocabulary
from moc_tf.data.dense_features import VectorFeature
from moc_tf.indexing import GraphEncoder, make_indexer
from moc_tf.ranking import interactions, make_ranker
from moc_tf.training import (
    Comparison,
    Method,
    RankerConfig,
    RunDirectory,
    export_run,
)
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
    """A ranker of random weights, wide enough for a logit of its own per row."""
    tf.keras.utils.set_random_seed(0)
    small = (
        {"hidden_units": (32,)} if "hidden_units" in interactions.options(name) else {}
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


# As exact in half precision as in single.
VECTORS = np.array([[1, 2, 3], [0, 1, 0], [-1, 0, 2], [4, -2, 1]], np.float16)
VECTOR = VectorFeature("item_vector", 3, 2, mean=(0.5, 0.25, 1.5), scale=2.0)
# Known, new to training but in the data, three new ones with bad vectors, a new one.
ASKED = ["a", "new", "no-1", "no-2", "no-3", "other"]
ASKED_VECTORS = np.array(
    [[9, 9, 9], [8, 8, 8], [0, 0, 0], [np.nan, 1, 1], [np.inf, 1, 1], [3, -1, 2]],
    np.float32,
)


def data_with(vectors):
    features = {**DATA.item_features, "item_vector": vectors}
    return dataclasses.replace(DATA, item_features=features)


def read_of_asked(**features):
    """What a ranker is to read of ASKED, by the user of id 2."""
    return {
        "user": np.full(6, 2, np.int32),
        "item": np.array([1, 0, 0, 0, 0, 0], np.int32),
        "brand": np.array([2, 2, 0, 0, 0, 0], np.int32),
        **features,
    }


@pytest.mark.parametrize("name", ["deepfm", "dlrm"])
def test_the_vectors_of_new_items_are_read_as_they_come(name):
    plain = [f for f in SCHEMA.features if f.name != "codes"]
    ranker = ranker_of(name, Schema((*plain, VECTOR)))
    served = ServedRanker(ranker, data_with(VECTORS))
    columns = {"user": np.array(["u2"] * 6), "item": np.array(ASKED)}
    answer = served.functions["with_item_vectors"](**columns, item_vector=ASKED_VECTORS)
    mean = np.array(VECTOR.mean)
    read = np.array([*VECTORS[[1, 3]], mean, mean, mean, [3, -1, 2]], np.float32)
    expected = ranker(read_of_asked(item_vector=read)).numpy()
    assert len(set(np.round(expected, 6))) == 4
    np.testing.assert_allclose(answer["logit"], expected, atol=1e-6)
    by_ids = served.functions["serving_default"](**columns)
    np.testing.assert_allclose(by_ids["logit"][:5], expected[:5], atol=1e-6)
    np.testing.assert_allclose(by_ids["logit"][5], expected[2], atol=1e-6)
    without = ServedRanker(ranker, data_with(VECTORS), takes_vectors=False)
    assert list(without.functions) == ["serving_default"]


def test_a_vector_is_read_and_encoded_where_each_is_lacking():
    """An item of the table alone has its codes, and its vector is new."""
    encoder_vectors = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    indexer = make_indexer("pq", num_codebooks=2, codebook_size=4)
    indexer.fit(encoder_vectors)
    vector = dataclasses.replace(VECTOR, num_fields=1)
    ranker = ranker_of("deepfm", Schema((*SCHEMA.features, vector)))
    served = ServedRanker(ranker, data_with(VECTORS), TABLE, GraphEncoder(indexer))
    items = ["a", "extra", "other"]
    given = np.array([[9, 9, 9], [1, -1, 0], [3, -1, 2]], np.float32)
    answer = served.functions["with_item_vectors"](
        user=np.array(["u2"] * 3), item=np.array(items), item_vector=given
    )
    features = {
        "user": np.full(3, 1, np.int32),
        "item": np.array([1, 0, 0], np.int32),
        "brand": np.array([2, 0, 0], np.int32),
        "codes": np.array([[3, 0], [0, 1], indexer.encode(given[2:])[0]], np.int32),
        "item_vector": np.array([VECTORS[1], *given[1:]], np.float32),
    }
    features["user"][:] = 2
    np.testing.assert_allclose(answer["logit"], ranker(features), atol=1e-6)
    wide = make_indexer("pq", num_codebooks=2, codebook_size=4)
    wide.fit(np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32))
    with pytest.raises(ValueError, match=r"same dimensions. Received: 4 and 3\."):
        ServedRanker(ranker, data_with(VECTORS), TABLE, GraphEncoder(wide))


@pytest.fixture(scope="module")
def controls(data, planted, tmp_path_factory):
    """Runs of the controls; by method: folder, and the trained ranker's test logits."""
    folder = tmp_path_factory.mktemp("controls")
    methods = [Method("adaptor", 2), Method("id_me", 2)]
    logits = {}
    finish = RunDirectory.finish

    def finish_and_predict(self, model, result):
        (method,) = [m for m in methods if m.name == result["row"]["method"]]
        described = method.applied_to(data, planted.vectors)
        batch = next(iter(described.batches(data.test, len(data.test))))
        logits[method.name] = model(batch).numpy()
        finish(self, model, result)

    config = RankerConfig(
        model="deepfm",
        hidden_units=(8,),
        batch_size=1024,
        max_epochs=2,
        embedding_dim=4,
        learning_rate=0.02,
    )
    comparison = Comparison(
        "test", data, planted.vectors, methods, [3], config, {}, folder
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunDirectory, "finish", finish_and_predict)
        assert len(list(comparison.run())) == 2
    found = {}
    for method in methods:
        (run,) = folder.glob(f"runs/deepfm/{method.id}/*/seed-3-*")
        found[method.name] = run, logits[method.name]
    return found


@pytest.fixture(scope="module")
def asked(data, planted):
    """Raw ids of the rows of the test part."""
    users = np.array(["", *data.vocabularies["user"].values])[data.test.users]
    return {"user": users, "item": data.item_ids[data.test.item_rows]}


def signatures_of(path):
    return tf.saved_model.load(str(path)).signatures


@pytest.mark.parametrize("name", ["adaptor", "id_me"])
def test_exported_controls_say_what_training_said(controls, asked, tmp_path, name):
    run, expected = controls[name]
    written = export_run(run, tmp_path / "out")
    signatures = signatures_of(written.path)
    columns = {k: tf.constant(v) for k, v in asked.items()}
    answer = signatures["serving_default"](**columns)
    assert expected.std() > 0.01
    probabilities = 1 / (1 + np.exp(-expected))
    np.testing.assert_allclose(answer["probability"], probabilities, rtol=0, atol=1e-6)
    if name == "id_me":
        assert list(signatures) == ["serving_default"]
        assert "reads no codes" in written.without_vectors
        with pytest.raises(ValueError, match=r"cannot be served.*reads no codes"):
            export_run(run, tmp_path / "other", vectors=True)
    else:
        assert written.without_vectors == ""
        by_ids = export_run(run, tmp_path / "other", vectors=False)
        assert list(by_ids.signatures) == ["serving_default"]
        assert by_ids.without_vectors == "It was not asked for."


def test_a_new_item_with_the_vector_of_another_is_served_as_that_one(
    controls, asked, data, planted, tmp_path
):
    """To the adaptor a new item is its vector, and its id is that of unseen items."""
    written = export_run(controls["adaptor"][0], tmp_path / "out", vectors=True)
    serve = signatures_of(written.path)["with_item_vectors"]
    is_new = data.test.new_item
    assert 20 < is_new.sum() < len(is_new) - 20
    vectors = planted.vectors.aligned_to(asked["item"]).astype(np.float32)
    users = tf.constant(asked["user"])
    renamed = tf.constant([f"unheard-{i}" for i in range(len(users))])
    answer = serve(user=users, item=renamed, item_vector=tf.constant(vectors))
    expected = controls["adaptor"][1]
    difference = np.abs(answer["logit"].numpy() - expected)
    assert difference[is_new].max() < 1e-5
    assert np.median(difference[~is_new]) > 1e-4  # which had embeddings of ids
