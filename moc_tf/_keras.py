"""Picks Keras 2 for the whole process; the one place that does so.

TensorFlow Recommenders runs on Keras 2 (the `tf_keras` package), and TensorFlow
decides which Keras `tf.keras` is at its first use, by the environment variable
`TF_USE_LEGACY_KERAS`. Importing this module sets that variable, which is early
enough even after `import tensorflow` or `import keras`, and too late only once
`tf.keras` itself has been used.

Every other module writes `from moc_tf._keras import keras`.
"""

import importlib.util
import os
import sys
import types
from pathlib import Path
from typing import Any

_VARIABLE = "TF_USE_LEGACY_KERAS"

_ADVICE = """\
moc_tf needs `tf.keras` to be Keras 2 (the tf_keras package), as TensorFlow \
Recommenders does, but {problem}.
Do one of these, in a new process:
  * import moc_tf before anything uses tf.keras, or
  * set the environment variable before Python starts: export {variable}=1
In Colab or Jupyter: restart the session (Runtime > Restart session), then make
`import moc_tf` the first cell."""


def _is_keras_2(keras: types.ModuleType) -> bool:
    # Not by its own name: `from tensorflow.keras import ...` calls it tensorflow.keras.
    return keras.Model.__module__.split(".")[0] == "tf_keras"


def select_keras_2() -> None:
    """Makes `tf.keras` resolve to Keras 2.

    Raises:
      ImportError: if `tf.keras` was already used as Keras 3 in this process, or
        if the environment asks for Keras 3.
    """
    tensorflow = sys.modules.get("tensorflow")
    resolved = vars(tensorflow).get("keras") if tensorflow else None
    # Until its first use, tf.keras is TensorFlow's lazy loader, a subclass.
    if type(resolved) is types.ModuleType and not _is_keras_2(resolved):
        raise ImportError(
            _ADVICE.format(
                problem="tf.keras was already used as Keras 3 in this process",
                variable=_VARIABLE,
            )
        )
    chosen = os.environ.get(_VARIABLE, "")
    if chosen not in ("", "1", "true", "True"):
        raise ImportError(
            _ADVICE.format(
                problem=f"the environment says {_VARIABLE}={chosen!r}",
                variable=_VARIABLE,
            )
        )
    os.environ[_VARIABLE] = "1"
    package = importlib.util.find_spec("tf_keras")
    if tensorflow and package and package.origin:
        # `from tensorflow.keras import ...` looks where TensorFlow decided on when it
        # was imported, whatever the variable says since.
        folder = str(Path(package.origin).parent / "api" / "_v2")
        if folder not in tensorflow.__path__:
            tensorflow.__path__.insert(0, folder)


def __getattr__(name: str) -> Any:
    """Loads `keras` at its first use, so that `import moc_tf` stays light."""
    if name != "keras":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import tensorflow as tf

    try:
        chosen = _is_keras_2(tf.keras)
    except ImportError as error:
        raise ImportError(
            "moc_tf needs the tf_keras package: pip install tf-keras"
        ) from error
    if not chosen:
        raise ImportError(
            _ADVICE.format(
                problem=f"tf.keras.Model comes from {tf.keras.Model.__module__!r}",
                variable=_VARIABLE,
            )
        )
    return tf.keras


select_keras_2()
