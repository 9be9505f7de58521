"""A fit that was killed goes on where it was, and ends as an unbroken one does."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from moc_tf._artefact import ArtefactError, read_artefact, write_artefact
from moc_tf._keras import keras
from moc_tf.fit_checkpoint import FitCheckpoint
from moc_tf.indexing import make_indexer

EPOCHS, WARMUP = 6, 2
CASES = {
    "gradient": {"diversity_weight": 0.1},
    "ema": {"codebook_update": "ema", "ema_decay": 0.8, "warmup_epochs": WARMUP},
}
# In the warm-up, right at its end, and before and between replacements of codes.
BROKEN_OFF_AFTER = {"gradient": (0, 2), "ema": (0, 3)}
KILLED_AFTER = {"gradient": 2, "ema": WARMUP - 1}


def random_vectors(seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(50, 6)).astype(np.float32)


def make(**options):
    base = {
        "num_codebooks": 2,
        # Most codes die: there is something to replace after every epoch.
        "codebook_size": 24,
        "codebook_dim": 3,
        "hidden_units": (5,),
        "epochs": EPOCHS,
        "batch_size": 16,
        "learning_rate": 0.02,
    }
    return make_indexer("moc", **{**base, **options})


class Watch(keras.callbacks.Callback):
    """Notes the epochs; may copy the checkpoint before each, or kill its process.

    Args:
      checkpoint: the folder to copy, to `<folder>-<epochs done>`; None copies nothing.
      killed_after: kills the process in the middle of the epoch after this one.
    """

    def __init__(self, checkpoint=None, killed_after=None):
        super().__init__()
        self.begun = []
        self.logs = []
        self._checkpoint = checkpoint
        self._killed_after = killed_after

    def on_epoch_begin(self, epoch, logs=None):
        self.begun.append(epoch)
        if self._checkpoint is not None and epoch:
            shutil.copytree(self._checkpoint, f"{self._checkpoint}-{epoch}")

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append(dict(logs))

    def on_train_batch_end(self, batch, logs=None):
        if self._killed_after is not None and self.begun[-1] > self._killed_after:
            os.kill(os.getpid(), signal.SIGKILL)


def stop_after(epoch):
    """A callback that ends the training after `epoch`."""
    stop = keras.callbacks.Callback()

    def on_epoch_end(done, logs=None):
        stop.model.stop_training = done == epoch

    stop.on_epoch_end = on_epoch_end
    return stop


def fit(checkpoint=None, vectors=None, copies=False, callbacks=(), **options):
    watch = Watch(checkpoint if copies else None)
    vectors = random_vectors() if vectors is None else vectors
    indexer = make(**options).fit(
        vectors, callbacks=[watch, *callbacks], checkpoint=checkpoint
    )
    return indexer, watch


def assert_same(one, other, folder):
    vectors = random_vectors()
    np.testing.assert_array_equal(one.encode(vectors), other.encode(vectors))
    arrays = []
    for name, indexer in (("one", one), ("other", other)):
        indexer.save(folder / name)
        arrays.append(read_artefact(folder / name, "indexer")[0])
    assert arrays[0].keys() == arrays[1].keys()
    for name, array in arrays[0].items():
        np.testing.assert_array_equal(arrays[1][name], array, err_msg=name)


def state(folder):
    arrays, manifest = read_artefact(folder, "fit_checkpoint")
    return arrays, manifest["epochs_done"]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Of each case: its indexer, its logs, and the checkpoint it ended with."""
    found = {}
    for case, options in CASES.items():
        folder = tmp_path_factory.mktemp(case) / "checkpoint"
        indexer, watch = fit(folder, copies=True, **options)
        assert watch.begun == list(range(EPOCHS))
        found[case] = indexer, watch.logs, folder
    return found


def assert_goes_on_as_unbroken(case, epoch, unbroken, folder, tmp_path):
    expected, logs, ended = unbroken[case]
    assert state(folder)[1] == epoch + 1
    indexer, watch = fit(folder, **CASES[case])
    assert watch.begun == list(range(epoch + 1, EPOCHS))
    assert watch.logs == logs[epoch + 1 :]
    assert_same(indexer, expected, tmp_path)
    arrays, ended_arrays = state(folder)[0], state(ended)[0]
    assert arrays.keys() == ended_arrays.keys()
    for name, array in ended_arrays.items():
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)


@pytest.mark.parametrize(
    ("case", "epoch"), [(case, e) for case in CASES for e in BROKEN_OFF_AFTER[case]]
)
def test_a_broken_off_fit_ends_as_an_unbroken_one(case, epoch, unbroken, tmp_path):
    folder = tmp_path / "checkpoint"
    shutil.copytree(f"{unbroken[case][2]}-{epoch + 1}", folder)
    assert_goes_on_as_unbroken(case, epoch, unbroken, folder, tmp_path)


@pytest.mark.parametrize(
    "case", [pytest.param("gradient", marks=pytest.mark.slow), "ema"]
)
def test_a_killed_fit_ends_as_an_unbroken_one(case, unbroken, tmp_path):
    folder = tmp_path / "checkpoint"
    done = subprocess.run(
        [sys.executable, __file__, case, str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-3000:]
    assert_goes_on_as_unbroken(case, KILLED_AFTER[case], unbroken, folder, tmp_path)


def test_codes_were_replaced_in_these_fits(unbroken):
    for _, logs, _ in unbroken.values():
        assert min(entries.get("usage", 1) for entries in logs[: EPOCHS - 2]) < 1


@pytest.mark.parametrize("case", CASES)
def test_a_finished_fit_is_not_done_again(case, unbroken, tmp_path):
    expected, logs, ended = unbroken[case]
    shutil.copytree(ended, tmp_path / "checkpoint")
    indexer, watch = fit(tmp_path / "checkpoint", **CASES[case])
    assert watch.begun == []
    assert_same(indexer, expected, tmp_path)
    summary = indexer.describe()["fit"]
    assert summary["last_epoch"] == pytest.approx(logs[-1])
    before = read_artefact(ended, "fit_checkpoint")[1]["seconds"]
    assert summary["seconds"] >= round(before, 3) > 0


@pytest.mark.parametrize("last", [0, WARMUP - 1, WARMUP + 1])
def test_a_fit_that_a_callback_ended_is_not_gone_on_with(last, tmp_path):
    folder, options = tmp_path / "checkpoint", CASES["ema"]
    one, watch = fit(folder, callbacks=[stop_after(last)], **options)
    assert watch.begun == list(range(last + 1))
    assert state(folder)[1] == last + 1
    again, watch = fit(folder, **options)
    assert watch.begun == []
    assert_same(again, one, tmp_path)


def test_codebooks_are_started_where_a_callback_ends_the_warm_up():
    indexer, watch = fit(callbacks=[stop_after(0)], **CASES["ema"])
    assert watch.begun == [0]
    assert min(indexer.quality(random_vectors()).usage) == 1


def test_a_callback_may_log_what_is_not_finite(tmp_path):
    odd = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(odd=float("nan"), most=np.inf)
    )
    indexer, _ = fit(tmp_path / "checkpoint", callbacks=[odd], epochs=1)
    last = indexer.describe()["fit"]["last_epoch"]
    assert (last["odd"], last["most"]) == (None, None)
    assert last["loss"] > 0
    indexer.save(tmp_path / "indexer")


@pytest.mark.parametrize("other", ["settings", "vectors"])
def test_a_checkpoint_of_another_fit_is_replaced(other, unbroken, tmp_path):
    folder = tmp_path / "checkpoint"
    shutil.copytree(f"{unbroken['gradient'][2]}-2", folder)
    options, vectors = dict(CASES["gradient"]), random_vectors()
    if other == "vectors":
        vectors[0, 0] += 1
        differs = "vectors"
    else:
        options["commitment_cost"] = 0.5
        differs = r"configuration\.commitment_cost"
    with pytest.warns(UserWarning, match=rf"with other {differs}\. .* starts anew"):
        indexer, watch = fit(folder, vectors, **options)
    assert watch.begun == list(range(EPOCHS))
    assert state(folder)[1] == EPOCHS
    if other == "settings":
        assert_same(indexer, fit(None, vectors, **options)[0], tmp_path)


def spoil_an_array(folder):
    file = next(folder.glob("*.npy"))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def lose_an_array(folder):
    next(folder.glob("*.npy")).unlink()


def cut_the_manifest(folder):
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text()[:-30])


def lose_the_manifest(folder):
    (folder / "manifest.json").unlink()


def only_half_written(folder):
    lose_the_manifest(folder)
    (folder / "manifest.json.moc_tf-partial").write_text('{"format": "moc_tf art')


def checkpoint(folder, values=(0.0, 0.0), writes=True):
    variables = [tf.Variable(values[0], name="codebooks"), tf.Variable(values[1])]
    return FitCheckpoint(folder, variables, {"seed": 3}, writes), variables


@pytest.fixture
def written(tmp_path):
    """A folder with a checkpoint of the third epoch."""
    checkpoint(tmp_path / "it", (2.0, 5.0))[0].on_epoch_end(2, {"loss": 0.5})
    return tmp_path / "it"


def restored(folder):
    callback, variables = checkpoint(folder)
    callback.restore()
    return callback, [float(variable) for variable in variables]


def test_it_brings_back_variables_epoch_logs_and_seconds(written):
    callback, values = restored(written)
    assert values == [2.0, 5.0]
    assert callback.epochs_done == 3
    assert callback.last_logs == {"loss": 0.5}
    assert callback.elapsed() >= state_seconds(written) > 0


def test_it_brings_back_whether_the_training_is_finished(written):
    callback, _ = restored(written)
    assert not callback.finished
    callback.finish()
    again, values = restored(written)
    assert (again.finished, again.epochs_done) == (True, 3)
    assert values == [2.0, 5.0]
    assert again.last_logs == {"loss": 0.5}


@pytest.mark.parametrize("other", [{"seed": 3, "rows": None}, {}, {"seed": {"a": 1}}])
def test_a_checkpoint_of_any_other_identity_is_not_read(other, written):
    variables = [tf.Variable(0.0), tf.Variable(0.0)]
    callback = FitCheckpoint(written, variables, other)
    with pytest.warns(UserWarning, match=r"another training, with other (rows|seed)\."):
        callback.restore()
    assert callback.epochs_done == 0


def state_seconds(folder):
    return read_artefact(folder, "fit_checkpoint")[1]["seconds"]


@pytest.mark.parametrize(
    ("damage", "wrong"),
    [
        (spoil_an_array, "was altered"),
        (lose_an_array, "is missing"),
        (cut_the_manifest, "is not JSON"),
        (lose_the_manifest, None),
        (only_half_written, None),
    ],
)
def test_a_damaged_checkpoint_is_not_read_but_replaced(damage, wrong, written, recwarn):
    damage(written)
    callback, values = restored(written)
    # Without a manifest it may be that of a first epoch, which was never finished.
    if wrong is not None:
        (warning,) = recwarn
        assert "checkpoint cannot be read" in str(warning.message)
        assert wrong in str(warning.message)
    assert values == [0.0, 0.0]
    assert callback.epochs_done == 0
    checkpoint(written, (7.0, 8.0))[0].on_epoch_end(0, {"loss": 0.4})
    assert restored(written)[1] == [7.0, 8.0]


def test_large_and_small_variables_of_all_types_come_back(tmp_path):
    rng = np.random.default_rng(0)
    values = [
        rng.normal(size=(300, 300)).astype(np.float32),  # large: a file of its own
        rng.normal(size=(2, 3)).astype(np.float32),
        np.int64(7),
        rng.normal(size=(0, 4)).astype(np.float32),
        rng.normal(size=4).astype(np.float32),
    ]
    written = [tf.Variable(value) for value in values]
    FitCheckpoint(tmp_path / "it", written, {}).on_epoch_end(0, {})
    assert len(list((tmp_path / "it").glob("*.npy"))) == 3
    empty = [tf.Variable(tf.zeros_like(value)) for value in values]
    FitCheckpoint(tmp_path / "it", empty, {}).restore()
    for variable, value in zip(empty, values, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


class Keeper:
    """Counts; its state goes with the checkpoint."""

    def __init__(self, count):
        self.count = count

    def get_state(self):
        return {"0 best": np.full(2, self.count, np.float32)}, {"count": self.count}

    def set_state(self, arrays, values):
        self.arrays, self.count = arrays, values["count"]


def test_the_state_of_a_callback_goes_with_it(tmp_path):
    variables = [tf.Variable(1.0)]
    identity = {"seed": 3}
    FitCheckpoint(tmp_path, variables, identity, keeper=Keeper(5)).on_epoch_end(0, {})
    keeper, again = Keeper(0), [tf.Variable(0.0)]
    FitCheckpoint(tmp_path, again, identity, keeper=keeper).restore()
    assert keeper.count == 5
    assert {name: a.tolist() for name, a in keeper.arrays.items()} == {
        "0 best": [5.0, 5.0]
    }
    assert float(again[0]) == 1.0
    other = Keeper(0)
    with pytest.warns(UserWarning, match="with other seed"):
        FitCheckpoint(tmp_path, again, {"seed": 4}, keeper=other).restore()
    assert other.count == 0


def test_variables_are_found_whatever_their_names(tmp_path):
    first = [tf.Variable(1.0, name="dense/kernel"), tf.Variable(2.0, name="b")]
    FitCheckpoint(tmp_path, first, {}).on_epoch_end(0, {})
    again = [tf.Variable(0.0, name="dense_7/kernel"), tf.Variable(0.0, name="dense/k")]
    FitCheckpoint(tmp_path, again, {}).restore()
    assert [float(variable) for variable in again] == [1.0, 2.0]


def test_half_written_files_beside_a_checkpoint_are_not_read(written):
    for stem in ("manifest.json", "0%20codebooks%3A0"):
        (written / f"{stem}.moc_tf-partial").write_bytes(b"half")
    assert restored(written)[1] == [2.0, 5.0]


def test_of_several_workers_one_writes(tmp_path, written):
    callback, _ = checkpoint(tmp_path / "none", writes=False)
    callback.restore()
    callback.on_epoch_end(0, {})
    assert callback.epochs_done == 1
    assert not (tmp_path / "none").exists()
    reader, variables = checkpoint(written, writes=False)
    reader.restore()
    assert float(variables[1]) == 5.0


def test_without_a_folder_nothing_is_kept():
    callback, _ = checkpoint(None)
    callback.restore()
    callback.on_epoch_end(4, {"loss": 1.0})
    assert callback.epochs_done == 5


@pytest.mark.parametrize("holds", ["another artefact", "a damaged one", "notes"])
def test_a_folder_of_something_else_stops_the_fit_before_it_trains(holds, tmp_path):
    if holds == "notes":
        (tmp_path / "notes.txt").write_text("mine")
    else:
        write_artefact(tmp_path, "code_table", {"codes": np.zeros(3)}, {})
    if holds == "a damaged one":
        cut_the_manifest(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    watch = Watch()
    message = r"Found: 'notes|kind 'fit_checkpoint'|is damaged"
    with pytest.raises(ArtefactError, match=message):
        make().fit(random_vectors(), callbacks=[watch], checkpoint=tmp_path)
    assert watch.begun == []
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_optimizer_and_counts_are_kept_and_metrics_are_not(unbroken):
    manifest = read_artefact(unbroken["ema"][2], "fit_checkpoint")[1]
    entries = [entry for group in manifest["small"].values() for entry in group]
    names = [name.split(maxsplit=1)[1] for name, _ in entries]
    assert {"quantizer/codebooks:0", "quantizer/counts:0", "usage:0"} <= set(names)
    assert "iteration:0" in names
    assert not {"total:0", "count:0"} & set(names)


if __name__ == "__main__":
    case, place = sys.argv[1:]
    watch = Watch(killed_after=KILLED_AFTER[case])
    make(**CASES[case]).fit(random_vectors(), callbacks=[watch], checkpoint=Path(place))
