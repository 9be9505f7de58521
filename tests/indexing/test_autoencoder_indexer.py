import dataclasses
import random

import numpy as np
import pytest
import tensorflow as tf

from moc_tf._artefact import read_artefact
from moc_tf._keras import keras
from moc_tf.indexing import NotFittedError, load_indexer, make_indexer
from moc_tf.indexing.autoencoder import CodeAutoencoder

OPTIONS = {
    "num_codebooks": 3,
    "codebook_size": 8,
    "codebook_dim": 4,
    "hidden_units": (32,),
    "epochs": 1,
    "batch_size": 64,
}
TERMS = {"loss", "reconstruction", "codebook", "commitment"}
TERMS |= {"usage", "perplexity", "dead_codes", "largest_code_norm"}


def saved_arrays(indexer, folder):
    indexer.save(folder)
    return read_artefact(folder, "indexer")[0]


def assert_equal_arrays(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(other[name], array, err_msg=name)


def test_training_reduces_the_error(fitted, vectors):
    quality = fitted.indexer.quality(vectors)
    assert quality.relative_error < 0.4
    assert min(quality.usage) > 0.8
    first, last = fitted.logs[0], fitted.logs[-1]
    assert last["reconstruction"] < 0.5 * first["reconstruction"]


def test_one_codebook_is_vq_bit_for_bit(fit, vectors, tmp_path):
    vq = fit(vectors, "vq", num_codebooks=1, epochs=3).indexer
    moc = fit(vectors, "moc", num_codebooks=1, epochs=3).indexer
    np.testing.assert_array_equal(vq.encode(vectors), moc.encode(vectors))
    assert_equal_arrays(
        saved_arrays(vq, tmp_path / "vq"), saved_arrays(moc, tmp_path / "moc")
    )


def test_more_codebooks_leave_less_error(fit, fitted, vectors):
    one = fit(vectors, "vq", num_codebooks=1).indexer.quality(vectors)
    three = fitted.indexer.quality(vectors)
    assert three.relative_error < 0.8 * one.relative_error
    assert three.unique_codes > one.unique_codes


def test_equal_seeds_give_equal_indexers_in_any_float_type(
    fit, fitted, vectors, tmp_path
):
    twin = fit(vectors.astype(np.float16))
    np.testing.assert_array_equal(
        twin.indexer.encode(vectors), fitted.indexer.encode(vectors)
    )
    assert_equal_arrays(
        saved_arrays(twin.indexer, tmp_path / "twin"),
        saved_arrays(fitted.indexer, tmp_path / "fitted"),
    )
    assert twin.logs == fitted.logs


def test_another_seed_gives_other_codes(fit, fitted, vectors):
    other = fit(vectors, seed=1).indexer
    differ = other.encode(vectors) != fitted.indexer.encode(vectors)
    assert differ.mean(axis=0).min() > 0.3


def test_a_data_set_keeps_its_order_and_an_array_is_shuffled(fit, vectors, tmp_path):
    shifted = vectors + np.float32(5)
    batches = tf.data.Dataset.from_tensor_slices(shifted).batch(64)
    one, twin = (fit(batches, epochs=4).indexer for _ in range(2))
    arrays = saved_arrays(one, tmp_path / "one")
    assert_equal_arrays(arrays, saved_arrays(twin, tmp_path / "twin"))
    np.testing.assert_array_equal(one.encode(shifted), twin.encode(batches))
    assert one.quality(shifted).relative_error < 0.8
    assert one.describe()["fit"]["items"] == 300
    shuffled = saved_arrays(fit(shifted, epochs=4).indexer, tmp_path / "shuffled")
    assert (shuffled["quantizer/codebooks"] != arrays["quantizer/codebooks"]).any()
    # Beforehand the data set is gone through once, in batches, for these two.
    centred = shifted - shifted.mean(axis=0)
    np.testing.assert_allclose(arrays["center"], shifted.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(arrays["scale"], np.sqrt(np.mean(centred**2)), rtol=1e-5)


def test_a_data_set_need_not_know_its_length(fit, vectors, tmp_path):
    batches = tf.data.Dataset.from_tensor_slices(vectors).batch(64)
    known = fit(batches, epochs=1)
    unsure = fit(batches.filter(lambda batch: True), epochs=1)
    assert unsure.logs == known.logs
    assert_equal_arrays(
        saved_arrays(unsure.indexer, tmp_path / "unsure"),
        saved_arrays(known.indexer, tmp_path / "known"),
    )


def test_no_input_waits_for_the_thread_that_tunes_it(fit, vectors, monkeypatch):
    given = []
    train = CodeAutoencoder.fit

    def watched(self, batches, **options):
        given.append(batches.options().autotune.enabled)
        return train(self, batches, **options)

    monkeypatch.setattr(CodeAutoencoder, "fit", watched)
    fit(vectors, epochs=1)
    fit(tf.data.Dataset.from_tensor_slices(vectors).batch(64), epochs=1)
    assert given == [False, False]


def test_fitting_again_starts_anew(fit, vectors, tmp_path):
    indexer = fit(vectors[:, :8], epochs=1).indexer
    indexer.fit(vectors)
    assert indexer.input_dim == 16
    fresh = fit(vectors, epochs=1).indexer
    assert_equal_arrays(
        saved_arrays(indexer, tmp_path / "again"),
        saved_arrays(fresh, tmp_path / "fresh"),
    )


@pytest.fixture(scope="module")
def short(fit, vectors):
    return fit(vectors, epochs=3)


# An array is copied to a tensor, or stays where it is; an epoch has five steps.
@pytest.mark.parametrize(
    ("name", "value"), [("_HELD", 0), ("_STEPS", 1), ("_STEPS", 2)]
)
def test_how_steps_and_batches_are_run_does_not_matter(
    fit, short, vectors, tmp_path, monkeypatch, name, value
):
    monkeypatch.setattr(f"moc_tf.indexing.autoencoder_indexer.{name}", value)
    other = fit(vectors, epochs=3)
    assert other.logs == short.logs
    assert_equal_arrays(
        saved_arrays(other.indexer, tmp_path / "other"),
        saved_arrays(short.indexer, tmp_path / "short"),
    )


@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_the_logs_hold_every_term_of_each_epoch(fit, fitted, vectors, weight):
    run = fit(vectors, diversity_weight=weight, epochs=3) if weight else fitted
    assert len(run.logs) == run.indexer.config.epochs
    for logs in run.logs:
        assert set(logs) == (TERMS | {"diversity"} if weight else TERMS)
        expected = logs["reconstruction"] + logs["codebook"]
        expected += 0.25 * logs["commitment"] + weight * logs.get("diversity", 0)
        assert logs["loss"] == pytest.approx(expected, rel=1e-5)
        assert 0 < logs["usage"] <= 1
        assert 1 <= logs["perplexity"] <= 8
    assert run.indexer.describe()["fit"]["last_epoch"] == pytest.approx(run.logs[-1])


def test_the_diversity_term_tells_the_codebooks_apart(fit, fitted, vectors):
    diverse = fit(vectors, diversity_weight=1.0)
    first, last = diverse.logs[0], diverse.logs[-1]
    assert last["diversity"] < 0.7 * first["diversity"]


def test_global_random_states_are_left_alone(fit, vectors):
    def draw():
        numpy = np.random.random()  # noqa: NPY002 - the global state is the subject
        return random.random(), numpy, float(tf.random.uniform([]))

    def seed():
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        tf.random.set_seed(1)

    seed()
    expected = draw()
    seed()
    fit(vectors, epochs=1)
    assert draw() == expected


def test_fewer_items_than_codes_raise(fit, vectors):
    message = r"codes in a codebook, 8\. Received: 7 items"
    with pytest.raises(ValueError, match=message):
        fit(vectors[:7])
    with pytest.raises(ValueError, match=message):
        fit(tf.data.Dataset.from_tensor_slices(vectors[:7]).batch(4))
    with pytest.raises(ValueError, match=r"8\. Received: 0 items"):
        fit(vectors[:0])


def test_a_data_set_that_never_ends_raises(fit, vectors):
    endless = tf.data.Dataset.from_tensor_slices(vectors).batch(64).repeat()
    with pytest.raises(ValueError, match=r"must end.*Leave out its repeat"):
        fit(endless)


def test_a_failed_fit_leaves_the_indexer_unfitted(vectors):
    indexer = make_indexer("moc", codebook_size=8)
    with pytest.raises(ValueError, match="Received: 7 items"):
        indexer.fit(vectors[:7])
    assert indexer.input_dim is None


def test_equal_vectors_decode_to_themselves(fit):
    vector = np.full([1, 4], 1 / 3, np.float32)
    indexer = fit(np.repeat(vector, 20, axis=0), epochs=2).indexer
    decoded = indexer.decode(indexer.encode(vector))
    assert np.isfinite(decoded).all()
    np.testing.assert_allclose(decoded, vector, atol=0.5)


def test_me_adopts_the_fit_of_vq(fit, vectors, tmp_path):
    vq = fit(vectors, "vq", num_codebooks=1, epochs=2).indexer
    fitted = fit(vectors, "me", num_codebooks=3, epochs=2).indexer
    adopted = make_indexer("me", **dataclasses.asdict(fitted.config)).adopt(vq)
    assert_equal_arrays(
        saved_arrays(adopted, tmp_path / "adopted"),
        saved_arrays(fitted, tmp_path / "me"),
    )
    assert adopted.tables_per_code == 3
    np.testing.assert_array_equal(adopted.encode(vectors), vq.encode(vectors))


def test_the_fit_of_another_indexer_is_not_adopted(fit, vectors):
    vq = fit(vectors, "vq", num_codebooks=1, epochs=1).indexer
    options = dataclasses.asdict(vq.config)
    with pytest.raises(ValueError, match=r"of an equal one: .*seed=7"):
        make_indexer("vq", **{**options, "seed": 7}).adopt(vq)
    with pytest.raises(NotFittedError):
        make_indexer("vq", **options).adopt(make_indexer("vq", **options))


@pytest.mark.parametrize("held", [0, 2**28])
@pytest.mark.parametrize("dtype", [">f4", np.longdouble])
def test_vectors_may_have_any_float_type_of_numpys(
    fit, short, vectors, tmp_path, monkeypatch, held, dtype
):
    monkeypatch.setattr("moc_tf.indexing.autoencoder_indexer._HELD", held)
    other = fit(vectors.astype(dtype), epochs=3)
    assert other.logs == short.logs
    assert_equal_arrays(
        saved_arrays(other.indexer, tmp_path / "other"),
        saved_arrays(short.indexer, tmp_path / "short"),
    )
    np.testing.assert_array_equal(
        other.indexer.encode(vectors.astype(dtype)), short.indexer.encode(vectors)
    )


def test_moving_averages_count_the_batches_that_a_data_set_brings(fit, vectors):
    class Counts(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.first = self.model.quantizer.counts.numpy()

    options = {**OPTIONS, "codebook_update": "ema", "batch_size": 256}
    for given, rows in (
        (tf.data.Dataset.from_tensor_slices(vectors).batch(20), 20),
        (vectors, 256),
    ):
        watch = Counts()
        make_indexer("moc", **options).fit(given, callbacks=[watch])
        np.testing.assert_allclose(watch.first.sum(axis=1), rows, rtol=1e-5)


def test_a_name_scope_does_not_change_the_names_of_arrays(short, vectors, tmp_path):
    with tf.name_scope("outer"), tf.name_scope("inner"):
        scoped = make_indexer("moc", **OPTIONS).fit(vectors)
        scoped.save(tmp_path / "scoped")
    twin = make_indexer("moc", **OPTIONS).fit(vectors)
    assert_equal_arrays(
        saved_arrays(scoped, tmp_path / "scoped"), saved_arrays(twin, tmp_path / "twin")
    )
    loaded = load_indexer(tmp_path / "scoped")
    np.testing.assert_array_equal(loaded.encode(vectors), twin.encode(vectors))
    with tf.name_scope("outer"):
        loaded = load_indexer(tmp_path / "twin")
    np.testing.assert_array_equal(loaded.encode(vectors), twin.encode(vectors))


def test_the_largest_seed_can_be_fitted(vectors):
    options = {**OPTIONS, "codebook_update": "ema"}
    indexer = make_indexer("moc", **{**options, "seed": 2**63 - 1}).fit(vectors)
    assert indexer.encode(vectors).shape == (300, 3)
    with pytest.raises(ValueError, match=r"^seed must be below 2\*\*63\. Received: 9"):
        make_indexer("moc", seed=2**63)


def test_under_a_global_policy_of_float64_the_codes_are_the_same(vectors):
    expected = make_indexer("moc", **OPTIONS).fit(vectors)
    keras.mixed_precision.set_global_policy("float64")
    try:
        indexer = make_indexer("moc", **OPTIONS).fit(vectors)
        codes, decoded = indexer.encode(vectors), indexer.decode([[0, 1, 2]])
    finally:
        keras.mixed_precision.set_global_policy("float32")
    np.testing.assert_array_equal(codes, expected.encode(vectors))
    np.testing.assert_array_equal(decoded, expected.decode([[0, 1, 2]]))
