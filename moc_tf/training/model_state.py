"""What of a model is worth keeping: its weights, and not its metrics."""

import tensorflow as tf

from moc_tf._keras import keras


def state_of(model: keras.Model) -> list[tf.Variable]:
    """The variables of `model` that its outputs may depend on, in a fixed order.

    Metrics start anew each epoch, and under a strategy of several workers one of them
    alone cannot read them.
    """
    metrics = {id(v) for metric in model.metrics for v in metric.variables}
    return [v for v in model.weights if id(v) not in metrics]
