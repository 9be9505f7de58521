"""A model that trains on dictionaries, and says so where Keras would say nothing."""

from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from moc_tf._keras import keras
from moc_tf.data.schema import Schema
from moc_tf.ranking.optimizers import check_compilable


class DictionaryModel(tfrs.Model):
    """A TFRS model whose batches are one dictionary each, as a schema describes them.

    TFRS' own drops sample weights, a loss and metrics in silence. This one refuses
    them, and labels beside the batches.

    Attributes:
      schema: of the batches.
    """

    schema: Schema

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        **kwargs: Any,
    ) -> None:
        """Sets the optimizer, and what else `keras.Model.compile` does.

        Raises:
          ValueError: if a loss or metrics are given, for the ranker has its own, or
            XLA cannot compile the steps of the optimizer and is asked to.
        """
        refused = {
            "loss": loss,
            "metrics": metrics,
            "loss_weights": loss_weights,
            "weighted_metrics": weighted_metrics,
        }
        if names := [name for name, value in refused.items() if value]:
            raise ValueError(
                f"A ranker trains on its own loss, and reports it. Received: {names}. "
                "Compile it without. Metrics come from the logits of `predict`, by "
                "`moc_tf.evaluation`; weights of examples from `Schema(weight=...)`."
            )
        if kwargs.get("jit_compile"):
            check_compilable(optimizer)
        super().compile(optimizer, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as the model was whose file is being loaded."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built and isinstance(self.optimizer, keras.optimizers.Optimizer):
            self.optimizer.build(self.trainable_variables)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        *args: Any,
        class_weight: Any = None,
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Trains on dictionaries of features and label, as `keras.Model.fit` does.

        Raises:
          ValueError: if labels or weights are given otherwise than in `x`.
        """
        self._refuse(y=y, class_weight=class_weight, sample_weight=sample_weight)
        return super().fit(x, None, *args, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The losses of dictionaries, as `keras.Model.evaluate` gives them.

        Raises:
          ValueError: if labels or weights are given otherwise than in `x`.
        """
        self._refuse(y=y, sample_weight=kwargs.pop("sample_weight", None))
        return super().evaluate(x, None, *args, **kwargs)

    def train_step(self, inputs: Any) -> dict[str, tf.Tensor]:
        """One step on a batch."""
        return super().train_step(_unpacked(inputs))

    def test_step(self, inputs: Any) -> dict[str, tf.Tensor]:
        """The losses of a batch."""
        return super().test_step(_unpacked(inputs))

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        **kwargs: Any,
    ) -> Any:
        """One step on a dictionary, as `keras.Model.train_on_batch` takes it.

        Raises:
          ValueError: if labels or weights are given otherwise than in `x`.
        """
        self._refuse(y=y, sample_weight=sample_weight, class_weight=class_weight)
        return super().train_on_batch(x, **kwargs)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        """The losses of a dictionary, as `keras.Model.test_on_batch` gives them.

        Raises:
          ValueError: if labels or weights are given otherwise than in `x`.
        """
        self._refuse(y=y, sample_weight=sample_weight)
        return super().test_on_batch(x, **kwargs)

    def _refuse(self, **given: Any) -> None:
        """Raises ValueError if any of these arguments of Keras is given."""
        if names := [name for name, value in given.items() if value is not None]:
            raise ValueError(
                "Batches must be one dictionary of the features, with the label under "
                f"{self.schema.label!r}. Received: {names}. Weights of examples are a "
                "column of their own, which `Schema(weight=...)` names."
            )


def _unpacked(inputs: Any) -> Any:
    """A batch without the tuple that Keras puts around a dictionary of arrays."""
    if isinstance(inputs, tuple) and len(inputs) == 1:
        return inputs[0]
    return inputs
