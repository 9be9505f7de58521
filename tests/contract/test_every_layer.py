"""The contract of every class that moc_tf registers with Keras.

The layers and models are the examples of `conftest.py`; optimizers are found by
themselves.
"""

import functools
import importlib
import inspect
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import moc_tf
from moc_tf._keras import keras

# These need packages that the test environment lacks, or seconds, and have no layers.
NOT_IMPORTED = ("moc_tf.indexing.beam_", "moc_tf.data.amazon")
OPTIMIZER = keras.optimizers.Optimizer
ROWS = 8  # of the examples' inputs


def registered() -> dict[str, type]:
    """Name -> class of all that moc_tf has registered, all its modules imported."""
    for module in pkgutil.walk_packages(moc_tf.__path__, "moc_tf."):
        if not module.name.startswith(NOT_IMPORTED):
            importlib.import_module(module.name)
    return {
        name: cls
        for name, cls in keras.utils.get_custom_objects().items()
        if name.startswith("moc_tf>") and cls.__module__.startswith("moc_tf.")
    }


def check_covered(examples: Mapping[str, Any]) -> None:
    covered = {type(example.make()) for example in examples.values()}
    for name, cls in registered().items():
        if cls not in covered and not issubclass(cls, OPTIMIZER):
            pytest.fail(
                f"{name} of {cls.__module__} is registered, and no example shows that "
                "it keeps the contract. Add one to LAYERS in tests/contract/conftest.py"
                f': "{cls.__name__}": Example(lambda: {cls.__name__}(...), inputs), '
                f"with inputs of {ROWS} rows. If it is no layer, this test has to "
                "learn what the contract of its kind is."
            )


def test_every_registered_class_has_an_example(examples):
    check_covered(examples)
    without = {name: e for name, e in examples.items() if name != "CodeLookup"}
    with pytest.raises(pytest.fail.Exception, match=r'"CodeLookup": Example\(lambda'):
        check_covered(without)


def constructor_arguments(cls: type) -> set[str]:
    """Names that the constructor and those it passes keywords on to take."""
    names: set[str] = set()
    for each in cls.__mro__:
        if not each.__module__.startswith("moc_tf"):
            break
        if "__init__" in vars(each):
            parameters = list(inspect.signature(each.__init__).parameters.values())[1:]
            named = (
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                inspect.Parameter.KEYWORD_ONLY,
            )
            names |= {p.name for p in parameters if p.kind in named}
            if all(p.kind != inspect.Parameter.VAR_KEYWORD for p in parameters):
                break
    return names


def assert_config_is_the_constructors(made: Any, of_keras: set[str]) -> None:
    config, takes = made.get_config(), constructor_arguments(type(made))
    keys = set(config) - of_keras
    assert keys <= takes, f"not in the constructor: {sorted(keys - takes)}"
    for name in takes - keys - of_keras:
        # A base class may take what this one decides by itself, and so refuses.
        with pytest.raises(TypeError, match="multiple values"):
            type(made)(**config, **{name: None})


def through_json(config: Any) -> Any:
    return json.loads(json.dumps(config))


def outputs_of(
    layer: keras.layers.Layer, inputs: Any, **options: Any
) -> list[tf.Tensor]:
    return tf.nest.flatten(layer(inputs, **options))


def loss_of(layer: keras.layers.Layer, inputs: Any, rows: tf.Tensor) -> tf.Tensor:
    """The share of these rows in a loss that is a mean over all `ROWS`."""
    if hasattr(layer, "compute_loss") and isinstance(layer, keras.Model):
        return tf.add_n([layer.compute_loss(inputs, training=True), *layer.losses])
    takes_training = "training" in inspect.signature(layer.call).parameters
    outputs = outputs_of(
        layer, inputs, **({"training": True} if takes_training else {})
    )
    shares = list(layer.losses)
    for output in outputs:
        if not output.dtype.is_floating:
            continue
        values = tf.cast(output, tf.float32)
        if values.shape.rank:  # pulled each its own way; a scalar is a loss already
            flat = tf.reshape(values, [tf.shape(values)[0], -1])
            columns = tf.range(flat.shape[1], dtype=tf.float32)
            values = flat * tf.sin(7 * rows[:, tf.newaxis] + columns + 1) / ROWS
        shares.append(tf.reduce_sum(values))
    return tf.add_n(shares) if shares else tf.constant(0.0)


def step(
    layer: keras.layers.Layer, optimizer: Any, inputs: Any, rows: tf.Tensor
) -> None:
    with tf.GradientTape() as tape:
        loss = loss_of(layer, inputs, rows)
    weights = layer.trainable_weights
    if weights:
        gradients = tape.gradient(loss, weights)
        pairs = [
            (g, w) for g, w in zip(gradients, weights, strict=True) if g is not None
        ]
        optimizer.apply_gradients(pairs)


def built(example: Any) -> keras.layers.Layer:
    keras.utils.set_random_seed(3)
    layer = example.make()
    outputs_of(layer, tensors(example))
    return layer


def tensors(example: Any) -> Any:
    return tf.nest.map_structure(tf.constant, example.inputs)


def all_rows() -> tf.Tensor:
    return tf.range(ROWS, dtype=tf.float32)


def assert_equal_outputs(
    one: keras.layers.Layer, other: keras.layers.Layer, inputs: Any
):
    pairs = zip(outputs_of(one, inputs), outputs_of(other, inputs), strict=True)
    for first, second in pairs:
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first.numpy(), second.numpy())
        if first.dtype.is_floating:
            assert np.isfinite(first.numpy().astype(np.float32)).all()


def assert_all_moved(weights: Any, before: Any, unmoved: Mapping[str, str]) -> None:
    for weight, old in zip(weights, before, strict=True):
        still = any(part in weight.name for part in unmoved)
        assert (weight.numpy() != old).any() != still, weight.name
        assert weight.dtype == tf.float32


@pytest.fixture(params=["float32", "mixed_bfloat16"])
def precision(request):
    keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    keras.mixed_precision.set_global_policy("float32")


def test_it_is_described_trained_saved_and_loaded(example, precision, tmp_path):
    layer, inputs = built(example), tensors(example)
    if type(layer).__module__.startswith("moc_tf"):
        of_keras = {*keras.layers.Layer().get_config(), "batch_input_shape"}
        assert_config_is_the_constructors(layer, of_keras)

    before = [weight.numpy() for weight in layer.trainable_weights]
    step(layer, keras.optimizers.SGD(1.0), inputs, all_rows())
    assert_all_moved(layer.trainable_weights, before, example.unmoved)

    serialized = through_json(keras.layers.serialize(layer))
    rebuilt = keras.layers.deserialize(serialized)
    assert type(rebuilt) is type(layer)
    assert through_json(rebuilt.get_config()) == through_json(layer.get_config())
    outputs_of(rebuilt, inputs)
    path = str(tmp_path / "weights")
    tf.train.Checkpoint(layer=layer).write(path)
    tf.train.Checkpoint(layer=rebuilt).read(path).assert_existing_objects_matched()
    assert_equal_outputs(layer, rebuilt, inputs)
    if isinstance(layer, keras.Model):
        layer.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        assert_equal_outputs(layer, loaded, inputs)


@keras.utils.register_keras_serializable(package="tests")
class Forgetful(keras.layers.Layer):
    """Says less in its configuration than its constructor takes."""

    def __init__(self, units: int, activation: str = "relu", **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def test_a_breach_is_found(monkeypatch):
    monkeypatch.setattr(Forgetful, "__module__", "moc_tf.somewhere")
    of_keras = set(keras.layers.Layer().get_config())
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        assert_config_is_the_constructors(Forgetful(3), of_keras)
    with monkeypatch.context() as patch:
        patch.setattr(Forgetful, "get_config", lambda self: {"size": 3})
        with pytest.raises(AssertionError, match=r"not in the constructor: .'size'"):
            assert_config_is_the_constructors(Forgetful(3), of_keras)
    weights = [tf.Variable([1.0], name="moved"), tf.Variable([1.0], name="still")]
    before = [np.zeros(1, np.float32), np.ones(1, np.float32)]
    assert_all_moved(weights, before, {"still": "it is shown to the test alone"})
    with pytest.raises(AssertionError, match="still"):
        assert_all_moved(weights, before, {})
    with pytest.raises(AssertionError, match="moved"):
        assert_all_moved(weights, before, {"still": "as above", "moved": "in vain"})


def test_optimizers_are_described_by_their_constructors():
    found = [cls for cls in registered().values() if issubclass(cls, OPTIMIZER)]
    assert found
    for cls in found:
        optimizer = cls(learning_rate=0.5)
        assert constructor_arguments(cls) <= set(optimizer.get_config())
        serialized = through_json(keras.optimizers.serialize(optimizer))
        rebuilt = keras.optimizers.deserialize(serialized)
        assert type(rebuilt) is cls
        assert rebuilt.get_config() == optimizer.get_config()
        assert float(rebuilt.learning_rate) == 0.5


def compare_one_and_two_replicas(examples):
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    pair = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert pair.num_replicas_in_sync == 2
    parts = [slice(0, 5), slice(5, ROWS)]  # uneven: a mean of means would differ
    for name, example in examples.items():
        alone = built(example)
        start = alone.get_weights()
        step(alone, keras.optimizers.SGD(1.0), tensors(example), all_rows())
        with pair.scope():
            together = built(example)
            optimizer = keras.optimizers.SGD(1.0)
        together.set_weights(start)

        def part(context, value):
            return value[parts[context.replica_id_in_sync_group]]

        shares = [
            pair.experimental_distribute_values_from_function(
                functools.partial(part, value=value)
            )
            for value in tf.nest.flatten((tensors(example), all_rows()))
        ]
        inputs, rows = tf.nest.pack_sequence_as((example.inputs, 0), shares)
        pair.run(step, args=(together, optimizer, inputs, rows))
        for one, two in zip(alone.weights, together.get_weights(), strict=True):
            np.testing.assert_allclose(
                two, one.numpy(), rtol=1e-4, atol=1e-6, err_msg=f"{name}: {one.name}"
            )
    print(f"agreed: {len(examples)}")


@pytest.mark.slow
def test_two_replicas_step_as_one(replica_examples):
    done = subprocess.run(
        [sys.executable, __file__],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"agreed: {len(replica_examples)}" in done.stdout


if __name__ == "__main__":
    from conftest import REPLICA_EXAMPLES

    compare_one_and_two_replicas(REPLICA_EXAMPLES)
