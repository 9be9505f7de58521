"""Finished runs as SavedModels that take raw ids."""

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from moc_tf.ranking import Ranker
from moc_tf.training import ExportError, export_run
from moc_tf.training.serving_record import ServingRecord

ROOT = pathlib.Path(__file__).parents[2]


# Run where moc_tf cannot be imported.
ALONE = """
import importlib.util, sys
import numpy as np
import tensorflow as tf

assert importlib.util.find_spec("moc_tf") is None
path, asked, answer = sys.argv[1:]
columns = {k: tf.constant(v) for k, v in np.load(asked).items()}
signatures = tf.saved_model.load(path).signatures
whole = signatures["with_item_vectors"](**columns)
ids = {k: columns[k] for k in ("user", "item")}
one = {k: v[7:8] for k, v in ids.items()}
np.savez(
    answer,
    probability=whole["probability"],
    by_ids=signatures["serving_default"](**ids)["probability"],
    one=signatures["serving_default"](**one)["probability"],
)
"""


def served(path, signature="serving_default", **columns):
    function = tf.saved_model.load(str(path)).signatures[signature]
    return function(**{name: tf.constant(values) for name, values in columns.items()})


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def test_a_process_without_moc_tf_gives_what_training_gave(runs, planted, tmp_path):
    out = tmp_path / "exports" / "1"
    command = ["-m", "experiments.export_ranker", f"--run={runs.folder('moc')}"]
    printed = subprocess.run(
        [sys.executable, *command, f"--out={out}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert printed.returncode == 0, printed.stderr
    assert "checkpoint" not in printed.stderr
    assert f"Wrote {out}: deepfm on planted, method moc with 2 codes" in printed.stdout
    assert "with_item_vectors" in printed.stdout
    assert ":predict" in printed.stdout

    vectors = planted.vectors.aligned_to(runs.items).astype(np.float32)
    columns = {"user": runs.users, "item": runs.items, "item_vector": vectors}
    files = [str(tmp_path / "asked.npz"), str(tmp_path / "answer.npz")]
    np.savez(files[0], **columns)
    answered = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, str(out), *files],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert answered.returncode == 0, answered.stderr
    answer = np.load(files[1])
    expected = sigmoid(runs.logits["moc"])
    assert expected.std() > 0.01  # else any constant would do
    np.testing.assert_allclose(answer["by_ids"], expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(answer["probability"], expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(answer["one"], expected[7:8], rtol=0, atol=1e-6)


def test_a_run_without_codes_is_served_without_vectors(runs, tmp_path):
    written = export_run(runs.folder("none"), tmp_path / "out")
    assert list(written.signatures) == ["serving_default"]
    assert "reads no codes" in written.without_vectors
    answer = served(written.path, user=runs.users, item=runs.items)
    assert answer["logit"].dtype == tf.float32
    np.testing.assert_allclose(answer["logit"], runs.logits["none"], atol=1e-5)
    with pytest.raises(ExportError, match=r"vectors cannot be served.*no codes"):
        export_run(runs.folder("none"), tmp_path / "other", vectors=True)
    assert not (tmp_path / "other").exists()


@pytest.fixture(scope="module")
def ranker(runs):
    """The trained ranker of `moc`, read without the code that exports it."""
    run = runs.folder("moc")
    ranker = Ranker.from_config(json.loads((run / "serving.json").read_text())["model"])
    ranker.build()
    tf.train.Checkpoint(model=ranker).read(str(run / "checkpoint/model"))
    return ranker


def test_items_never_seen_get_the_codes_of_their_vectors(
    runs, exported, ranker, data, planted
):
    known_items = planted.vectors.item_ids[:3]
    random = np.random.default_rng(0)
    vectors = random.normal(size=(8, planted.vectors.vectors.shape[1]))
    vectors[5:] = [[0.0], [np.nan], [np.inf]] * np.ones_like(vectors[5:])
    users = np.array([data.vocabularies["user"].values[4]] * 8)
    items = np.array([*known_items, "new-1", "new-2", "new-3", "new-4", "new-5"])
    columns = {"user": users, "item": items}
    answer = served(
        exported.path, "with_item_vectors", **columns, item_vector=np.float32(vectors)
    )

    record = ServingRecord.read(runs.folder("moc"))
    unknown = ranker.schema.example_batch()
    features = {name: np.repeat(value, 8, axis=0) for name, value in unknown.items()}
    features["user"][:] = 5
    places = np.flatnonzero(np.isin(data.item_ids, known_items))
    assert data.item_ids[places].tolist() == known_items.tolist()
    for name, values in data.item_features.items():
        features[name][:3] = values[places]
    features["codes"][:3] = record.load_table().lookup(known_items)
    features["codes"][3:5] = record.load_indexer().encode(np.float32(vectors[3:5]))
    np.testing.assert_allclose(answer["logit"], ranker(features), atol=1e-6)
    # Without the vectors, all new items are the same to the ranker.
    plain = served(exported.path, **columns)["logit"].numpy()
    np.testing.assert_allclose(plain[:3], answer["logit"][:3], atol=1e-6)
    np.testing.assert_allclose(plain[3:], answer["logit"][5], atol=1e-6)
    assert abs(answer["logit"][3] - plain[3]) > 1e-4


def test_ids_never_seen_are_those_of_unseen_values(exported, ranker):
    unknown = ranker.schema.example_batch()
    answer = served(exported.path, user=["nobody", ""], item=["nothing", ""])
    np.testing.assert_allclose(
        answer["logit"], np.repeat(ranker(unknown), 2), atol=1e-6
    )
    empty = served(
        exported.path, user=tf.constant([], tf.string), item=tf.constant([], tf.string)
    )
    assert empty["probability"].shape == (0,)


def test_sessions_as_servers_have_them_load_it(exported, runs):
    """TensorFlow Serving goes by graph and session, not by Python objects."""
    compat = tf.compat.v1
    expected = served(exported.path, user=runs.users[:5], item=runs.items[:5])
    with compat.Session(graph=tf.Graph()) as session:
        graph = compat.saved_model.load(session, ["serve"], str(exported.path))
        signature = graph.signature_def["serving_default"]
        feed = {
            signature.inputs["user"].name: runs.users[:5],
            signature.inputs["item"].name: runs.items[:5],
        }
        for _ in range(2):
            output = session.run(signature.outputs["logit"].name, feed)
            np.testing.assert_allclose(output, expected["logit"], atol=1e-6)


def test_the_model_alone_is_saved_and_described(exported, ranker):
    assert exported.signatures == {
        "serving_default": {"user": (), "item": ()},
        "with_item_vectors": {"user": (), "item": (), "item_vector": (64,)},
    }
    assert exported.without_vectors == ""
    marker = json.loads((exported.path / "assets.extra/moc_tf_export.json").read_text())
    assert marker["run"]["method"]["name"] == "moc"
    assert marker["schema"] == ranker.schema.to_config()
    names = [
        name
        for name, _ in tf.train.list_variables(f"{exported.path}/variables/variables")
    ]
    assert not [name for name in names if "optimizer" in name or "keras" in name]


def test_a_run_keeps_no_state_of_the_optimizer(runs):
    checkpoint = str(runs.folder("moc") / "checkpoint" / "model")
    names = [name for name, _ in tf.train.list_variables(checkpoint)]
    assert names
    assert not [name for name in names if "optimizer" in name]


def test_a_run_that_kept_the_optimizer_is_exported_as_well(runs, ranker, tmp_path):
    shutil.copytree(runs.workdir, tmp_path / "earlier")
    run = tmp_path / "earlier" / runs.folder("moc").relative_to(runs.workdir)
    ranker.compile(optimizer="adam")
    ranker.optimizer.build(ranker.trainable_variables)
    tf.train.Checkpoint(model=ranker).write(str(run / "checkpoint" / "model"))
    out = tmp_path / "out"
    command = ["-m", "experiments.export_ranker", f"--run={run}", f"--out={out}"]
    printed = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True
    )
    assert printed.returncode == 0, printed.stderr
    assert "checkpoint" not in printed.stderr
    answer = served(out, user=runs.users, item=runs.items)
    np.testing.assert_allclose(answer["logit"], runs.logits["moc"], atol=1e-5)
