"""Trains a ranker once for each seed and tells how good it became."""

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.code_table import CodeTable
from moc_tf.data.ranking_data import RankingData, RankingPart
from moc_tf.data.schema import Schema
from moc_tf.data.unknown_values import hide_values
from moc_tf.evaluation import ClickEvaluation
from moc_tf.fit_checkpoint import FitCheckpoint
from moc_tf.ranking import (
    Ranker,
    interactions,
    make_optimizer,
    make_ranker,
    start_from_codebooks,
)
from moc_tf.ranking.precision import built_in
from moc_tf.training.code_spectrum import code_spectrum
from moc_tf.training.distribution import (
    DistributionError,
    agreed,
    fit_arguments,
    make_strategy,
    steps_in_one_go,
    writes,
)
from moc_tf.training.early_stopping import EarlyStoppingOnAUC
from moc_tf.training.environment import package_versions
from moc_tf.training.model_state import state_of
from moc_tf.training.part_evaluation import evaluate_part
from moc_tf.training.prediction import InOrder
from moc_tf.training.ranker_config import RankerConfig
from moc_tf.training.weight_averaging import WeightAveraging


@dataclasses.dataclass(frozen=True)
class TrainedRanker:
    """Outcome of one training.

    Attributes:
      validation: of the best epoch's weights on the validation part.
      test: of the same weights on the test part; None if it was left alone.
      logits: of the same weights, float32 [rows]: of the test part's rows, or, if that
        was left alone, of the validation part's.
      best_epoch: from 0.
      num_epochs: passes over the training part.
      num_parameters: trained weights of the model.
      code_spectrum: singular values of the same weights' code embeddings of all items;
        see `code_spectrum`. None without codes.
      train_seconds: of the whole training with validation, in seconds, time before
        an interruption included.
      examples_per_second: training rows over the median epoch's training time.
    """

    validation: ClickEvaluation
    test: ClickEvaluation | None
    logits: np.ndarray = dataclasses.field(compare=False, repr=False)
    best_epoch: int
    num_epochs: int
    num_parameters: int
    code_spectrum: tuple[float, ...] | None
    train_seconds: float
    examples_per_second: float


class RankerTrainer:
    """Trains one ranker architecture on one data set, with as many seeds as wanted.

    The model is traced and compiled once; each training starts from fresh weights and
    a fresh optimizer, as a new model with that seed would.

    Args:
      config: the settings.
      data: the data set.
      schema: of the ranker's inputs, with a code feature if it is to read codes.
    """

    def __init__(self, config: RankerConfig, data: RankingData, schema: Schema):
        self.config = config
        self._data = data
        self._schema = schema
        self._strategy = make_strategy(config.distribution, config.num_replicas)
        with self._strategy.scope():
            self.model: Ranker = self._new_model()
            self.model.compile(
                optimizer=make_optimizer(
                    config.optimizer, config.learning_rate, config.clipnorm
                ),
                steps_per_execution=steps_in_one_go(
                    self._strategy, config.steps_per_execution
                ),
            )
            self.model.optimizer.build(self.model.trainable_variables)
        # Metrics are of all workers already, and would else be summed over them.
        self.model.distribute_reduction_method = "first"
        self._predict = InOrder(self.model)
        self._averaging = None
        if config.average_decay:
            self._averaging = WeightAveraging(config.average_decay)
        self._fresh_optimizer = [v.numpy() for v in self.model.optimizer.variables]

    def train(
        self,
        seed: int,
        table: CodeTable | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        codebooks: Sequence[np.ndarray] | np.ndarray | None = None,
        checkpoint: str | os.PathLike | None = None,
        evaluate_test: bool = True,
    ) -> TrainedRanker:
        """Trains from scratch; afterwards `model` holds the best epoch's weights.

        Workers of "multi_worker" each call this with the same arguments.

        Args:
          seed: of the initial weights and the order of the rows. Sets the global
            seeds of Python, NumPy and TensorFlow.
          table: codes of the items; must be given if the schema has a code feature.
          callbacks: further Keras callbacks, called after each validation.
          codebooks: of the indexer that made the codes, float [N, K, D]; must be given
            if the settings want its code tables to start from them.
          checkpoint: folder of the state after each epoch, from which a training with
            the same settings, seed and data that was broken off goes on; None keeps
            nothing. It ends as an unbroken training does, to the last bit, unless the
            model draws at random as it trains (dropout draws anew), or several
            workers take their steps on their own. All workers must see the folder,
            which the first one writes.
          evaluate_test: whether the test part is read. Settings are chosen without.

        Raises:
          ValueError: if table, codebooks, settings and schema do not match.
          DistributionError: if workers found different checkpoints.
          ArtefactError: if the folder holds something other than a checkpoint.
        """
        if (self._schema.codes is None) != (table is None):
            raise ValueError(
                "A ranker with a code feature needs a code table, and one without "
                f"must not get one. Received: schema with code feature "
                f"{self._schema.codes}, table {table}."
            )
        if table is not None and self._schema.codes is not None:
            self._schema.codes.check(table)
        from_codebooks = table is not None and self.config.code_start == "codebooks"
        if from_codebooks != (codebooks is not None):
            raise ValueError(
                "Codebooks must be given if there are codes and code_start is "
                "'codebooks', and not otherwise. Received: codebooks "
                f"{'not ' if codebooks is None else ''}given, "
                f"code_start={self.config.code_start!r}."
            )
        keras.utils.set_random_seed(seed)
        self.model.set_weights(self._new_model().get_weights())
        self.model.optimizer.set_weights(self._fresh_optimizer)
        if codebooks is not None:
            codes, stddev = self.model.embeddings.codes, self.config.code_start_stddev
            start_from_codebooks(codes, codebooks, seed, stddev)

        stopping = EarlyStoppingOnAUC(
            self._in_order(self._data.validation, table),
            self._data.validation.labels,
            self.config.patience,
            self._predict,
            self._averaging,
        )
        progress = FitCheckpoint(
            checkpoint,
            [*state_of(self.model), *self.model.optimizer.variables],
            self._identity(seed, table, codebooks),
            writes(self._strategy),
            stopping,
        )
        progress.restore()
        first = agreed(progress.epochs_done, self._strategy)
        if progress.epochs_done != first:
            raise DistributionError(
                "All workers must go on from the same checkpoint. Received: one after "
                f"{progress.epochs_done} epochs, and the first worker has one after "
                f"{first:g}. Give all of them one folder that they share."
            )
        epochs = self.config.max_epochs
        if stopping.exhausted:  # nothing is left but to take back the best weights
            epochs = progress.epochs_done
        averages = [] if self._averaging is None else [self._averaging]
        self.model.fit(
            **fit_arguments(
                self._strategy,
                lambda: self._batches(seed, table, progress.epochs_done),
                steps=-(-len(self._data.train) // self.config.batch_size),
            ),
            initial_epoch=progress.epochs_done,
            epochs=epochs,
            verbose=0,
            callbacks=[*averages, stopping, *callbacks, progress],
        )
        seconds = progress.elapsed()
        validation, logits = self._evaluate(self._data.validation, table)
        test = None
        if evaluate_test:
            test, logits = self._evaluate(self._data.test, table)
        return TrainedRanker(
            validation=validation,
            test=test,
            logits=logits,
            best_epoch=stopping.best_epoch,
            num_epochs=len(stopping.epoch_seconds),
            num_parameters=sum(
                int(np.prod(weight.shape)) for weight in self.model.trainable_weights
            ),
            code_spectrum=None
            if table is None
            else code_spectrum(
                self.model.embeddings.codes, table.lookup(self._data.item_ids)
            ),
            train_seconds=seconds,
            examples_per_second=len(self._data.train)
            / float(np.median(stopping.epoch_seconds)),
        )

    def single_model(self) -> Ranker:
        """The trained model without its optimizer, on one device.

        Of several workers, one alone can save it.
        """
        single = self._new_model()
        for variable, trained in zip(
            state_of(single), state_of(self.model), strict=True
        ):
            variable.assign(trained.numpy())
        return single

    def _new_model(self) -> Ranker:
        """An untraced model whose weights the global seed determines."""
        config = self.config
        code_embedding: Any = config.code_embedding
        if code_embedding != "tables":
            code_embedding = {
                "scheme": code_embedding,
                "ngram_size": config.ngram_size,
                "num_buckets": config.num_buckets,
            }
        options: dict[str, Any] = {}
        if "hidden_units" in interactions.options(config.model):
            options["hidden_units"] = config.hidden_units
        with built_in(config.precision):
            model = make_ranker(
                interactions.get(config.model, **options),
                self._schema,
                fusion=config.fusion,
                embedding_dim=config.embedding_dim,
                embedding_l2=config.embedding_l2,
                code_embedding=code_embedding,
                code_tables=config.code_tables,
            )
            model(self._schema.example_batch())  # creates the weights
        return model

    def _batches(
        self, seed: int, table: CodeTable | None, first_pass: int
    ) -> tf.data.Dataset:
        """The training part, in the orders of its passes from `first_pass` on."""
        size, data = self.config.batch_size, self._data
        return hide_values(
            data.batches(data.train, size, table, seed, first_pass),
            [feature.name for feature in self._schema.categorical],
            self.config.hidden_share,
            seed,
            first_pass,
        )

    def _identity(
        self,
        seed: int,
        table: CodeTable | None,
        codebooks: Sequence[np.ndarray] | np.ndarray | None,
    ) -> dict[str, Any]:
        """What a training depends on."""
        starts = hashlib.sha256()
        for codebook in () if codebooks is None else codebooks:
            starts.update(np.ascontiguousarray(codebook, "<f4").tobytes())
        return {
            "ranker": dataclasses.asdict(self.config),
            "schema": self._schema.to_config(),
            "seed": seed,
            "data_sha256": self._data.sha256,
            "item_features_sha256": self._data.item_features_sha256,
            "codes_sha256": None if table is None else table.sha256(),
            "codebooks_sha256": starts.hexdigest(),
            "package_versions": package_versions(),
        }

    def _in_order(self, part: RankingPart, table: CodeTable | None) -> Any:
        return self._data.batches(part, 2 * self.config.batch_size, table)

    def _evaluate(
        self, part: RankingPart, table: CodeTable | None
    ) -> tuple[ClickEvaluation, np.ndarray]:
        """Metrics and logits of a part."""
        logits = self._predict(self._in_order(part, table))
        return evaluate_part(self._data, part, logits), logits
