import json

import numpy as np
import pytest
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.evaluation import mean_interval
from moc_tf.training import RunDirectory
from moc_tf.training.run_directory import json_ready, write_text

CONFIG = {"seed": 0, "widths": (4, 2)}


@pytest.fixture
def model():
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
    model.compile(optimizer="sgd", loss="mse")
    return model


def train(model, directory):
    x = np.ones((4, 2), np.float32)
    logger = directory.epoch_logger()
    model.fit(x, x[:, :1], epochs=3, verbose=0, callbacks=[logger])


def test_a_run_leaves_everything_behind_and_its_result_last(tmp_path, model):
    directory = RunDirectory(tmp_path / "run", CONFIG)
    directory.start()
    train(model, directory)
    assert directory.finished_result() is None
    directory.finish(model, {"auc": 0.75})

    assert directory.finished_result() == {"auc": 0.75}
    assert json.loads((tmp_path / "run/config.json").read_text()) == {
        "seed": 0,
        "widths": [4, 2],
    }
    environment = json.loads((tmp_path / "run/environment.json").read_text())
    assert environment["package_versions"]["tensorflow"] == tf.__version__
    lines = (tmp_path / "run/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [0, 1, 2]
    events = list((tmp_path / "run/tensorboard").iterdir())
    steps = [
        event.step
        for event in tf.compat.v1.train.summary_iterator(str(events[0]))
        if any(value.tag == "loss" for value in event.summary.value)
    ]
    assert steps == [0, 1, 2]
    modified = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "run").iterdir()}
    assert max(modified, key=modified.__getitem__) == "result.json"


def test_the_checkpoint_holds_the_weights(tmp_path, model):
    directory = RunDirectory(tmp_path, CONFIG)
    directory.start()
    train(model, directory)
    directory.finish(model, {})
    trained = model.get_weights()
    model.set_weights([np.zeros_like(w) for w in trained])
    path = str(tmp_path / "checkpoint" / "model")
    tf.train.Checkpoint(model=model).read(path).assert_existing_objects_matched()
    for weight, expected in zip(model.get_weights(), trained, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_a_result_of_another_configuration_does_not_count(tmp_path, model):
    directory = RunDirectory(tmp_path, CONFIG)
    directory.start()
    directory.finish(model, {"auc": 0.75})
    assert RunDirectory(tmp_path, CONFIG).finished_result() == {"auc": 0.75}
    assert RunDirectory(tmp_path, {**CONFIG, "seed": 1}).finished_result() is None


def test_starting_again_forgets_the_earlier_run(tmp_path, model):
    directory = RunDirectory(tmp_path, CONFIG)
    for _ in range(2):
        directory.start()
        assert directory.finished_result() is None
        train(model, directory)
        directory.finish(model, {})
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 3


def test_an_unfinished_run_of_the_same_configuration_keeps_what_it_has(tmp_path, model):
    directory = RunDirectory(tmp_path, CONFIG)
    directory.start()
    train(model, directory)
    directory.progress.mkdir()
    (directory.progress / "state").write_text("it")
    (tmp_path / "serving.json").write_text("{}")
    RunDirectory(tmp_path, CONFIG).start()
    assert (directory.progress / "state").read_text() == "it"
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 3
    RunDirectory(tmp_path, {**CONFIG, "seed": 1}).start()
    assert not directory.progress.exists()
    assert not (tmp_path / "metrics.jsonl").exists()
    assert not (tmp_path / "serving.json").exists()


def test_a_run_that_goes_on_forgets_what_is_of_a_finished_one(tmp_path, model):
    directory = RunDirectory(tmp_path, CONFIG)
    directory.start()
    train(model, directory)
    (tmp_path / "serving.json").write_text("{}")
    directory.finish(model, {})
    (tmp_path / "predictions").mkdir()
    (tmp_path / "result.json").unlink()  # as if it had been broken off just before
    RunDirectory(tmp_path, CONFIG).start()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"config.json", "environment.json", "metrics.jsonl", "tensorboard"}


def test_an_epoch_done_again_replaces_its_line_and_those_after_it(tmp_path, model):
    directory = RunDirectory(tmp_path, CONFIG)
    directory.start()
    train(model, directory)
    first = (tmp_path / "metrics.jsonl").read_text().splitlines()
    x = np.ones((4, 2), np.float32)
    model.fit(
        x,
        x[:, :1],
        initial_epoch=1,
        epochs=2,
        verbose=0,
        callbacks=[directory.epoch_logger()],
    )
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [0, 1]
    assert lines[0] == first[0]
    assert lines[1] != first[1]  # the loss went on falling


def test_a_damaged_result_does_not_count(tmp_path, model):
    directory = RunDirectory(tmp_path, CONFIG)
    directory.start()
    directory.finish(model, {"auc": 0.75})
    (tmp_path / "result.json").write_text('{"auc": 0.')
    assert directory.finished_result() is None


def test_json_ready_keeps_values_and_marks_nan_as_none():
    interval = mean_interval([0.5])
    value = json_ready({"interval": interval, "n": (1, 2.5), "name": "x"})
    assert value["interval"]["mean"] == 0.5
    assert value["interval"]["low"] is None
    assert value["n"] == [1, 2.5]


def test_an_interrupted_write_leaves_the_old_text(tmp_path, monkeypatch):
    path = tmp_path / "results.jsonl"
    write_text(path, "old")

    def fail(*_):
        raise OSError("disk gone")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk gone"):
        write_text(path, "new")
    assert path.read_text() == "old"
