"""Which Keras a process gets depends on what it did first, so each has its own."""

import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

import moc_tf
from moc_tf import _keras

ROOT = Path(__file__).parents[1]

KERAS_2_EVERYWHERE = """
import tensorflow as tf
from moc_tf._keras import keras
from tensorflow.keras.layers import Dense
for layer in (keras.layers.Dense, tf.keras.layers.Dense, Dense):
    assert layer.__module__ == "tf_keras.src.layers.core.dense", layer.__module__
"""


def run_python(code, **environment):
    inherited = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=inherited | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


def test_importing_moc_tf_is_light():
    run_python("""
import os, sys
import moc_tf
assert os.environ["TF_USE_LEGACY_KERAS"] == "1"
assert moc_tf.CodeTable(["a"], [[0]], 1).lookup(["a"]).tolist() == [[0]]
assert moc_tf.evaluation.auc([0, 1], [0.1, 0.9]) == 1.0
loaded = {name.split(".")[0] for name in sys.modules}
heavy = {"tensorflow", "keras", "tf_keras", "faiss", "matplotlib", "pyarrow"}
assert not loaded & heavy, loaded & heavy
""")


def test_names_of_the_package_resolve_at_their_first_use():
    for name in ("data", "evaluation", "indexing", "ranking", "training"):
        assert getattr(moc_tf, name) is sys.modules[f"moc_tf.{name}"]
    assert moc_tf.CodeTable is sys.modules["moc_tf.code_table"].CodeTable
    assert set(moc_tf.__all__) <= set(dir(moc_tf))
    with pytest.raises(AttributeError, match="module 'moc_tf' has no attribute 'x'"):
        _ = moc_tf.x
    with pytest.raises(AttributeError, match=r"'moc_tf\._keras' has no attribute 'x'"):
        _ = _keras.x


@pytest.mark.parametrize(
    "before",
    [
        "",
        "import tensorflow",
        # Keras 3 loads TensorFlow too, so this is also the case of both.
        "import keras; from tensorflow import keras as unused",
    ],
    ids=["moc_tf", "tensorflow", "keras 3"],
)
def test_tf_keras_is_keras_2_whatever_was_imported_first(before):
    run_python(f"""
{before}
import moc_tf
{KERAS_2_EVERYWHERE}
import tensorflow_recommenders
assert issubclass(tensorflow_recommenders.Model, keras.Model)
""")


def test_keras_2_may_have_been_used_already():
    run_python(
        f"from tensorflow.keras import layers; import moc_tf; {KERAS_2_EVERYWHERE}",
        TF_USE_LEGACY_KERAS="true",
    )


def test_keras_3_must_not_have_been_used_already():
    run_python("""
import os, sys
import tensorflow as tf

def import_moc_tf():
    try:
        import moc_tf
    except ImportError as error:
        return str(error)
    raise AssertionError("moc_tf was imported beside Keras 3")

tf.keras.Model
message = import_moc_tf()
for words in (
    "tf.keras was already used as Keras 3 in this process",
    "import moc_tf before anything uses tf.keras",
    "export TF_USE_LEGACY_KERAS=1",
    "In Colab or Jupyter: restart the session",
):
    assert words in message, message
assert "moc_tf" not in sys.modules
assert "TF_USE_LEGACY_KERAS" not in os.environ
from tensorflow.keras import layers  # now tf.keras is a module of another name
assert import_moc_tf() == message
""")


def test_an_environment_that_asks_for_keras_3_is_refused():
    run_python(
        """
try:
    import moc_tf
except ImportError as error:
    assert "the environment says TF_USE_LEGACY_KERAS='0'" in str(error), error
    assert "export TF_USE_LEGACY_KERAS=1" in str(error), error
else:
    raise AssertionError("moc_tf was imported")
""",
        TF_USE_LEGACY_KERAS="0",
    )


@pytest.mark.parametrize("value", ["", "1", "true", "True"])
def test_an_environment_that_asks_for_keras_2_is_fine(monkeypatch, value):
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", value)
    _keras.select_keras_2()
    assert os.environ["TF_USE_LEGACY_KERAS"] == "1"


@pytest.mark.parametrize("value", ["0", "false", "TRUE", "yes"])
def test_what_tensorflow_does_not_take_as_true_is_refused(monkeypatch, value):
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", value)
    with pytest.raises(ImportError, match=f"TF_USE_LEGACY_KERAS='{value}'"):
        _keras.select_keras_2()


def test_a_late_change_to_keras_3_is_noticed_at_the_first_use(monkeypatch):
    model = type("Model", (), {"__module__": "keras.src.models.model"})
    tensorflow = types.SimpleNamespace(keras=types.SimpleNamespace(Model=model))
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    with pytest.raises(
        ImportError, match=r"tf\.keras\.Model comes from 'keras\.src\.models\.model'"
    ):
        _ = _keras.keras


def test_a_missing_tf_keras_is_named(monkeypatch):
    class TensorFlow:
        @property
        def keras(self):
            raise ImportError("Keras cannot be imported.")

    monkeypatch.setitem(sys.modules, "tensorflow", TensorFlow())
    with pytest.raises(ImportError, match="pip install tf-keras"):
        _ = _keras.keras
