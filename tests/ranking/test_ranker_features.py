"""Rankers over numbers, sets and vectors, and the controls made of them."""

import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.data.schema import (
    CategoricalFeature,
    CodeFeature,
    IdTablesFeature,
    Schema,
    VectorFeature,
)
from moc_tf.ranking import DCNv2, DeepFM, LazyAdam, Ranker, make_ranker
from tests.ranking.small_rankers import RICH, rich_rows


def test_a_number_has_one_linear_weight_and_a_vector_none():
    model = make_ranker(DeepFM((8,)), RICH, embeddings_initializer="uniform")
    batch = rich_rows()
    model(batch)
    assert model.linear.count_params() == 1 + 20 + (5 + 1)
    model.linear.numeric.kernel.assign([[3.0]])
    before = model.interaction(model.embeddings(batch)).numpy()
    expected = before + 3 * (batch["price"] - 2) / 0.5
    np.testing.assert_allclose(model(batch), expected, rtol=1e-5, atol=1e-6)


def test_vectors_alone_have_no_linear_term():
    model = make_ranker(DeepFM((8,)), Schema((VectorFeature("text", 6),)))
    assert model.linear is None
    assert model(rich_rows()).shape == (10,)


@pytest.mark.parametrize("fusion", ["none", "self_gating"])
def test_parameters_of_the_controls_have_a_closed_form(fusion):
    item, d, n, x = CategoricalFeature("item", 100), 16, 7, 768
    controls = {
        "id_me": IdTablesFeature("item_tables", "item", 100, n),
        "adaptor": VectorFeature("vector", x, n),
        "moc": CodeFeature("codes", n, 256),
    }
    parameters = {}
    for name, feature in controls.items():
        model = make_ranker("dcn_v2", Schema((item, feature)), fusion)
        model.build()
        parameters[name] = sum(
            np.prod(weight.shape) for weight in model.trainable_weights
        )
    width = (1 + n) * d  # fields are as many, and so is all that follows them
    mlp = (width + 1) * 256 + 257 * 128 + 129 * 64
    rest = 100 * d + mlp + 3 * (width**2 + width) + width + 64 + 1
    rest += 2 * (n * d) * (n * d // 4) if fusion == "self_gating" else 0
    assert parameters == {
        "id_me": rest + n * 100 * d,
        "adaptor": rest + n * ((x + 1) * 4 * d + (4 * d + 1) * d),
        "moc": rest + n * 257 * d,
    }


def test_id_tables_know_no_unseen_item_and_vectors_tell_them_apart():
    item = CategoricalFeature("item", 100)
    batch = {
        "item": tf.constant([0, 0, 5]),
        "vector": tf.constant([[1.0, 2], [-2, 1], [1, 2]]),
    }
    tables = Schema((item, IdTablesFeature("item_tables", "item", 100, 3)))
    unseen, other, seen = make_ranker(DCNv2(1, (8,)), tables)(batch).numpy()
    assert unseen == other != seen
    vectors = Schema((item, VectorFeature("vector", 2, 3)))
    unseen, other, seen = make_ranker(DCNv2(1, (8,)), vectors)(batch).numpy()
    assert len({unseen, other, seen}) == 3


def test_a_ranker_of_every_kind_trains_saves_and_loads(tmp_path):
    model = make_ranker(DeepFM((8,)), RICH, embedding_dim=4, embedding_l2=0.01)
    model.compile(optimizer=LazyAdam(0.05))
    rows = tf.data.Dataset.from_tensor_slices(rich_rows(64)).batch(16)
    losses = model.fit(rows, epochs=15, verbose=0).history["logloss"]
    assert losses[-1] < 0.3 < losses[0]
    logits = model(rich_rows())
    for file in ("ranker.keras", "saved_model"):
        model.save(tmp_path / file)
        loaded = keras.models.load_model(tmp_path / file)
        np.testing.assert_allclose(loaded(rich_rows()), logits, atol=1e-6)
    assert Ranker.from_config(model.get_config()).schema == RICH
