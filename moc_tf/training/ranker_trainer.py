"""Trains a ranker once for each seed and tells how good it became."""

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from moc_tf._keras import keras
from moc_tf.code_table import CodeTable
from moc_tf.data.ranking_data import RankingData, RankingPart
from moc_tf.data.schema import Schema
from moc_tf.data.unknown_values import hide_values
from moc_tf.evaluation import ClickEvaluation, evaluate_clicks
from moc_tf.ranking import (
    LazyAdam,
    Ranker,
    interactions,
    make_ranker,
    start_from_codebooks,
)
from moc_tf.training.early_stopping import EarlyStoppingOnAUC


@dataclasses.dataclass(frozen=True)
class RankerConfig:
    """Settings of a ranker and its training.

    Attributes:
      model: name of the ranker; see `moc_tf.ranking.make_ranker`.
      fusion: of the code embeddings; see `moc_tf.ranking.fusion`.
      code_embedding: "tables", "ngram" or "prefix"; see
        `moc_tf.ranking.code_embedding`.
      ngram_size: n of "ngram".
      num_buckets: rows of a table of "ngram" or "prefix", at most.
      code_start: of the code tables: "random", or "codebooks", from the vectors that
        the codes stand for; see `moc_tf.ranking.start_from_codebooks`.
      code_start_stddev: standard deviation of a start from codebooks.
      code_tables: "trained", or "frozen": they stay as they start.
      hidden_units: widths of the ranker's MLP; "fmfm" has none.
      embedding_dim: d of every field.
      hidden_share: of the ids of a training batch, replaced by that of unseen values;
        see `moc_tf.data.hide_values`.
      learning_rate: of `LazyAdam`.
      batch_size: rows of a step.
      max_epochs: passes over the training part, at most.
      patience: epochs without a better validation AUC after which training stops.
    """

    model: str = "dcn_v2"
    fusion: str = "self_gating"
    code_embedding: str = "tables"
    ngram_size: int = 2
    num_buckets: int = 65_536
    code_start: str = "random"
    code_start_stddev: float = 0.01
    code_tables: str = "trained"
    hidden_units: tuple[int, ...] = (256, 128, 64)
    embedding_dim: int = 16
    hidden_share: float = 0.0
    learning_rate: float = 1e-3
    batch_size: int = 2048
    max_epochs: int = 20
    patience: int = 2

    def __post_init__(self) -> None:
        for name in ("embedding_dim", "batch_size", "max_epochs", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} must be at least 1. Received: {getattr(self, name)}."
                )
        if self.code_start not in ("random", "codebooks"):
            raise ValueError(
                "code_start must be 'random' or 'codebooks'. "
                f"Received: {self.code_start!r}."
            )
        if self.code_start == "codebooks" and self.code_embedding != "tables":
            raise ValueError(
                "Codebooks have vectors of single codes, so code_start='codebooks' "
                "needs code_embedding='tables'. "
                f"Received: code_embedding={self.code_embedding!r}."
            )
        for name in ("learning_rate", "code_start_stddev"):
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"{name} must be above 0. Received: {getattr(self, name)}."
                )


@dataclasses.dataclass(frozen=True)
class TrainedRanker:
    """Outcome of one training.

    Attributes:
      validation: of the best epoch's weights on the validation part.
      test: of the same weights on the test part.
      best_epoch: from 0.
      num_epochs: passes over the training part.
      num_parameters: trained weights of the model.
      train_seconds: of the whole training with validation, in seconds.
      examples_per_second: training rows over the median epoch's training time.
    """

    validation: ClickEvaluation
    test: ClickEvaluation
    best_epoch: int
    num_epochs: int
    num_parameters: int
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

    # A step of these models is so short that Keras' work between steps shows.
    _STEPS_PER_EXECUTION = 8

    def __init__(self, config: RankerConfig, data: RankingData, schema: Schema):
        self.config = config
        self._data = data
        self._schema = schema
        self.model: Ranker = self._new_model()
        self.model.compile(
            optimizer=LazyAdam(config.learning_rate),
            steps_per_execution=self._STEPS_PER_EXECUTION,
        )
        self.model.optimizer.build(self.model.trainable_variables)
        self._fresh_optimizer = [v.numpy() for v in self.model.optimizer.variables]

    def train(
        self,
        seed: int,
        table: CodeTable | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        codebooks: Sequence[np.ndarray] | np.ndarray | None = None,
    ) -> TrainedRanker:
        """Trains from scratch; afterwards `model` holds the best epoch's weights.

        Args:
          seed: of the initial weights and the order of the rows. Sets the global
            seeds of Python, NumPy and TensorFlow.
          table: codes of the items; must be given if the schema has a code feature.
          callbacks: further Keras callbacks, called after each validation.
          codebooks: of the indexer that made the codes, float [N, K, D]; must be given
            if the settings want its code tables to start from them.

        Raises:
          ValueError: if table, codebooks, settings and schema do not match.
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

        config, data = self.config, self._data
        stopping = EarlyStoppingOnAUC(
            self._in_order(data.validation, table),
            data.validation.labels,
            config.patience,
        )
        train = hide_values(
            data.batches(data.train, config.batch_size, table, shuffle_seed=seed),
            [feature.name for feature in self._schema.categorical],
            config.hidden_share,
            seed,
        )
        started = time.perf_counter()
        self.model.fit(
            train,
            epochs=config.max_epochs,
            verbose=0,
            callbacks=[stopping, *callbacks],
        )
        seconds = time.perf_counter() - started
        return TrainedRanker(
            validation=self._evaluate(data.validation, table),
            test=self._evaluate(data.test, table),
            best_epoch=stopping.best_epoch,
            num_epochs=len(stopping.epoch_seconds),
            num_parameters=sum(
                int(np.prod(weight.shape)) for weight in self.model.trainable_weights
            ),
            train_seconds=seconds,
            examples_per_second=len(data.train)
            / float(np.median(stopping.epoch_seconds)),
        )

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
        model = make_ranker(
            interactions.get(config.model, **options),
            self._schema,
            fusion=config.fusion,
            embedding_dim=config.embedding_dim,
            code_embedding=code_embedding,
            code_tables=config.code_tables,
        )
        model(self._schema.example_batch())  # creates the weights
        return model

    def _in_order(self, part: RankingPart, table: CodeTable | None) -> Any:
        return self._data.batches(part, 2 * self.config.batch_size, table)

    def _evaluate(self, part: RankingPart, table: CodeTable | None) -> ClickEvaluation:
        logits = self.model.predict(self._in_order(part, table), verbose=0)
        return evaluate_clicks(part.labels, logits, part.user_rows, part.new_item)
