import types

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from moc_tf._keras import keras
from moc_tf.indexing import (
    AutoencoderConfig,
    CodeAutoencoder,
    CodebookCollapseError,
    CodebookHealth,
    DivergedError,
    make_indexer,
    perplexity,
)

SMALL = {
    "num_codebooks": 2,
    "codebook_size": 8,
    "codebook_dim": 4,
    "hidden_units": (16,),
    "batch_size": 64,
}
EVEN = [[3, 3, 3, 3], [3, 3, 3, 3]]
ONE_CODE = [[3, 3, 3, 3], [0, 12, 0, 0]]


def watched(callback, codebooks=None):
    """`callback` on a model that has only what it reads."""
    model = types.SimpleNamespace(
        usage=tf.Variable(np.zeros([2, 4], np.float32)),
        quantizer=types.SimpleNamespace(
            codebooks=tf.Variable(np.ones([2, 4, 3], np.float32))
        ),
        optimizer=types.SimpleNamespace(learning_rate=tf.Variable(0.25)),
        warming=False,
    )
    if codebooks is not None:
        model.quantizer.codebooks.assign(codebooks)
    callback.set_model(model)
    callback.on_train_begin()
    return callback


def run(callback, counts, epoch=0):
    """An epoch in which codes were used `counts` times; returns its logs."""
    counts = np.float32(counts)
    if callback.model.usage.shape != counts.shape:
        callback.model.usage = tf.Variable(counts)
        callback.model.quantizer.codebooks = tf.Variable(tf.ones([*counts.shape, 3]))
    callback.on_epoch_begin(epoch)
    callback.model.usage.assign(counts)
    logs = {"loss": 1.0}
    callback.on_train_batch_end(0, {"loss": 1.0, "codebook": 0.5})
    callback.on_epoch_end(epoch, logs)
    return logs


def vectors_of(distinct, rows=100):
    kinds = np.random.default_rng(0).normal(size=(distinct, 3)).astype(np.float32)
    return kinds[np.arange(rows) % distinct]


def test_logs_hold_the_epochs_figures():
    codebooks = np.zeros([2, 4, 3], np.float32)
    codebooks[0, :, 0] = [1, -1, 7, 5]  # used 1, 1, 0 and 0 times
    codebooks[1, :, 1] = [3, 1, 1, 1]
    counts = [[1, 1, 0, 0], [1, 7, 0, 0]]
    logs = run(watched(CodebookHealth(), codebooks), counts)
    assert logs["loss"] == 1
    assert logs["usage"] == 0.5
    assert logs["perplexity"] == pytest.approx(perplexity(np.array(counts)).mean())
    assert logs["dead_codes"] == 4
    # Against 1, and against sqrt((9 + 7) / 8) in the other codebook.
    assert logs["largest_code_norm"] == pytest.approx(7)


def test_codes_at_zero_have_finite_figures():
    logs = run(watched(CodebookHealth(), np.zeros([2, 4, 3])), EVEN)
    assert logs["largest_code_norm"] == 0
    assert all(np.isfinite(list(logs.values())))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_stops_the_first_batch(value):
    callback = watched(CodebookHealth())
    callback.on_epoch_begin(7)
    with pytest.raises(DivergedError) as caught:
        callback.on_train_batch_end(3, {"loss": value, "commitment": 0.5})
    message = str(caught.value)
    assert f"in epoch 7, batch 3: loss is {value}." in message
    assert "commitment is" not in message
    assert "lower learning_rate (now 0.25)" in message


def test_codebooks_that_are_not_finite_stop_the_epoch():
    codebooks = np.ones([2, 4, 3], np.float32)
    codebooks[1, 2, 0] = np.nan
    with pytest.raises(
        DivergedError, match=r"in epoch 4: NaN or Inf .* codebooks \[1\]"
    ):
        run(watched(CodebookHealth(), codebooks), EVEN, epoch=4)


def test_it_stops_a_real_training_that_diverges(vectors):
    batches = []
    counter = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: batches.append(batch)
    )
    indexer = make_indexer("moc", **SMALL, learning_rate=1e18)
    with pytest.raises(DivergedError, match=r"epoch 0, batch \d: .*loss is (nan|inf)"):
        indexer.fit(vectors, callbacks=[counter, CodebookHealth()])
    assert len(batches) <= 3  # of five in an epoch


def test_a_real_training_is_healthy(vectors):
    seen = []

    class Watch(CodebookHealth):
        def on_epoch_end(self, epoch, logs=None):
            before = dict(logs)
            super().on_epoch_end(epoch, logs)
            seen.append((before, logs))

    indexer = make_indexer("moc", **SMALL, epochs=4, warmup_epochs=1)
    indexer.fit(vectors, callbacks=[Watch(sample=vectors)])
    (before, warming), *trained = seen
    assert warming == before  # codebooks have not begun
    assert len(trained) == 3
    for before, logs in trained:  # upkeep has logged the same
        assert (logs["usage"], logs["perplexity"]) == pytest.approx(
            (before["usage"], before["perplexity"])
        )
        assert logs["dead_codes"] <= 8
        assert 1 <= logs["largest_code_norm"] < 20


def test_a_single_code_for_patience_epochs_is_collapse():
    callback = watched(CodebookHealth(patience=3))
    for epoch, counts in enumerate([ONE_CODE, ONE_CODE, EVEN, ONE_CODE, ONE_CODE]):
        run(callback, counts, epoch)
    with pytest.raises(CodebookCollapseError) as caught:
        run(callback, ONE_CODE, 5)
    message = str(caught.value)
    assert "in epoch 5, as in all of the last 3, codebooks [1] use a single" in message
    assert "Usage by codebook: 100.0%, 25.0%." in message
    for advice in ("k-means", "dead codes", "learning_rate (now 0.25)"):
        assert advice in message


def test_usage_below_the_least_is_collapse():
    few = np.zeros([2, 100])
    few[:, :4] = 250
    callback = watched(CodebookHealth(min_usage=0.05, patience=1))
    with pytest.raises(
        CodebookCollapseError, match=r"usage is 4\.00% of the 100 codes"
    ):
        run(callback, few)
    few[0, 4:6] = 1  # 5 % on average
    run(callback, few)
    run(watched(CodebookHealth(min_usage=0, patience=1)), few)


def test_a_later_training_begins_anew():
    callback = watched(CodebookHealth(patience=2))
    run(callback, ONE_CODE, 0)
    callback.on_train_begin()  # goes on at epoch 1, in the same process or another
    run(callback, ONE_CODE, 1)
    with pytest.raises(CodebookCollapseError, match="in epoch 2"):
        run(callback, ONE_CODE, 2)


@pytest.mark.parametrize(
    ("counts", "sample"),
    [
        ([[12], [12]], None),  # K is 1
        ([[1, 0, 0, 0], [1, 0, 0, 0]], None),  # one vector
        (ONE_CODE[1:] * 2, vectors_of(1)),  # equal vectors
        (ONE_CODE[1:] * 2, 0 * vectors_of(7)),  # equal, zeros of both signs
        ([[4, 4, 4, 0], [12, 0, 0, 0]], vectors_of(3)),  # the first tells all apart
        (np.eye(2, 200) * 50, vectors_of(1)),
        ([[50, 50, *[0] * 98]] * 2, vectors_of(2)),  # 2 % of 100 codes
    ],
)
def test_vectors_that_need_few_codes_are_no_collapse(counts, sample):
    callback = watched(CodebookHealth(patience=1, sample=sample))
    assert run(callback, counts)["usage"] > 0


def test_what_could_be_used_is_what_counts():
    counts = [[60, 40, *[0] * 98]] * 2
    sample = vectors_of(10)
    run(watched(CodebookHealth(min_usage=0.2, patience=1, sample=sample)), counts)
    with pytest.raises(CodebookCollapseError, match=r"20\.00% of the 10 codes"):
        run(watched(CodebookHealth(min_usage=0.21, patience=1, sample=sample)), counts)
    with pytest.raises(CodebookCollapseError, match="single code"):
        run(
            watched(CodebookHealth(patience=1, sample=vectors_of(3))),
            [[6, 6, 0, 0], [12, 0, 0, 0]],
        )


def test_it_stops_a_real_training_whose_codes_are_out_of_reach():
    config = AutoencoderConfig(2, 8, 4, hidden_units=(8,))
    model = CodeAutoencoder(config, 6)
    far = np.full([2, 8, 4], 1e3, np.float32)
    far[:, 3] = 0
    model.quantizer.codebooks.assign(far)
    model.compile(optimizer=keras.optimizers.SGD(1e-6))
    reset = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: model.usage.assign(tf.zeros([2, 8]))
    )
    vectors = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
    with pytest.raises(
        CodebookCollapseError, match=r"in epoch 4, .* codebooks \[0, 1\]"
    ):
        model.fit(
            tf.data.Dataset.from_tensor_slices(vectors).batch(32),
            initial_epoch=3,
            epochs=9,
            verbose=0,
            callbacks=[reset, CodebookHealth(sample=vectors)],
        )


def test_tensorboard_has_every_codebook(tmp_path):
    callback = watched(CodebookHealth(log_dir=tmp_path / "logs", patience=1))
    run(callback, EVEN, 3)
    with pytest.raises(CodebookCollapseError):
        run(callback, ONE_CODE, 4)
    # Readable though the training broke off here, without on_train_end.
    events = EventAccumulator(str(tmp_path / "logs"), {"tensors": 0})
    events.Reload()
    read = {
        tag: [(e.step, tf.make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }
    names = ["usage", "perplexity", "dead_codes", "largest_code_norm", "uses_of_a_code"]
    assert set(read) == {f"{name}/codebook_{n}" for name in names for n in (0, 1)}
    assert read["usage/codebook_0"] == [(3, 1), (4, 1)]
    assert read["usage/codebook_1"] == [(3, 1), (4, 0.25)]
    assert read["dead_codes/codebook_1"] == [(3, 0), (4, 3)]
    step, histogram = read["uses_of_a_code/codebook_1"][1]
    assert (step, histogram[:, 2].sum(), histogram[-1, 1]) == (4, 4, 12)
    callback.on_train_end()


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    callback = watched(CodebookHealth())
    run(callback, EVEN)
    callback.on_train_end()
    assert list(tmp_path.iterdir()) == []


def test_epochs_that_leave_the_codebooks_out_are_checked_for_nan_only():
    callback = watched(CodebookHealth(patience=1))
    callback.model.warming = True
    assert run(callback, np.zeros([2, 4])) == {"loss": 1.0}
    callback.model.quantizer.codebooks.assign(tf.fill([2, 4, 3], np.nan))
    with pytest.raises(DivergedError):
        run(callback, np.zeros([2, 4]))


def test_codes_that_were_not_counted_are_an_error():
    with pytest.raises(ValueError, match=r"no use at all .* end of epoch 2"):
        run(watched(CodebookHealth()), np.zeros([2, 4]), 2)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"in \[0, 1\]\. Received: 5"):
        CodebookHealth(min_usage=5)
    with pytest.raises(ValueError, match=r"at least 1\. Received: 0"):
        CodebookHealth(patience=0)
