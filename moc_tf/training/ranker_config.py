"""The settings of a ranker and its training."""

import dataclasses
from collections.abc import Mapping, Sequence

from moc_tf.ranking import code_embedding, fusion, interactions
from moc_tf.ranking.optimizers import OPTIMIZERS
from moc_tf.ranking.precision import PRECISIONS
from moc_tf.ranking.schema_embeddings import CODE_TABLES
from moc_tf.training.distribution import DISTRIBUTIONS

# Of the settings that are names.
CHOICES: Mapping[str, Sequence[str]] = {
    "model": interactions.names(),
    "fusion": fusion.names(),
    "code_embedding": code_embedding.NAMES,
    "code_start": ("random", "codebooks"),
    "code_tables": CODE_TABLES,
    "optimizer": OPTIMIZERS,
    "precision": PRECISIONS,
    "distribution": DISTRIBUTIONS,
}
# Of the code tables: a choice that is not the default -> the numbers that it reads.
_CODE_NUMBERS: Mapping[str, Sequence[str]] = {
    "ngram": ("ngram_size", "num_buckets"),
    "prefix": ("num_buckets",),
    "codebooks": ("code_start_stddev",),
    "frozen": (),
}


@dataclasses.dataclass(frozen=True)
class RankerConfig:
    """Settings of a ranker and its training.

    Attributes:
      model: name of the ranker; see `moc_tf.ranking.make_ranker`.
      fusion: of the code embeddings, by name; see `moc_tf.ranking.fusion`.
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
      learning_rate: of the optimizer.
      batch_size: rows of a step.
      max_epochs: passes over the training part, at most.
      average_decay: of a moving average of the weights over the steps, which is what
        is validated and kept; 0 keeps the weights themselves. See `WeightAveraging`.
      patience: epochs without a better validation AUC after which training stops.
      optimizer: "lazy_adam", "adagrad" or "adam"; see
        `moc_tf.ranking.make_optimizer`.
      clipnorm: the norm of all gradients together, above which they are scaled down
        to it; None never does.
      embedding_l2: weight of an L2 penalty on the rows that a batch looks up; see
        `moc_tf.ranking.SchemaEmbeddings`.
      precision: "float32" or "mixed_bfloat16"; see `moc_tf.training.built_in`.
      steps_per_execution: steps that Keras runs in one go. The steps of these models
        are so short that its work between them shows. "mirrored" and "multi_worker"
        run one.
      distribution: "none", "mirrored", "multi_worker", "parameter_server" or "tpu";
        see `moc_tf.training.make_strategy`. The replicas share each batch.
      num_replicas: of "mirrored" and "parameter_server".
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
    average_decay: float = 0.0
    patience: int = 2
    optimizer: str = "lazy_adam"
    clipnorm: float | None = None
    embedding_l2: float = 0.0
    precision: str = "float32"
    steps_per_execution: int = 8
    distribution: str = "none"
    num_replicas: int = 2

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} must be one of {list(known)}. "
                    f"Received: {getattr(self, name)!r}."
                )
        of_codes = ("ngram_size", "num_buckets")
        of_training = ("batch_size", "max_epochs", "patience", "steps_per_execution")
        for name in (*of_codes, "embedding_dim", *of_training, "num_replicas"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} must be at least 1. Received: {getattr(self, name)}."
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
        if self.clipnorm is not None and not self.clipnorm > 0:
            raise ValueError(
                f"clipnorm must be above 0, or None. Received: {self.clipnorm}."
            )
        if not self.embedding_l2 >= 0:
            raise ValueError(
                f"embedding_l2 must be at least 0. Received: {self.embedding_l2}."
            )
        for name in ("hidden_share", "average_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"{name} must be in [0, 1). Received: {getattr(self, name)}."
                )
        if self.average_decay and self.distribution == "parameter_server":
            raise ValueError(
                "Workers of 'parameter_server' take their steps on their own, so that "
                "there is no order of weights to average. Received: average_decay="
                f"{self.average_decay}; use 0."
            )

    @property
    def code_variant(self) -> str:
        """What of the code tables is not as by default: "" if nothing is.

        Their choices, each followed by its numbers that are not the defaults, joined:
        "prefix", "ngram+ngram_size=3" or "codebooks+code_start_stddev=0.1+frozen".
        """
        parts = []
        for setting in ("code_embedding", "code_start", "code_tables"):
            choice = getattr(self, setting)
            if choice == getattr(RankerConfig, setting):
                continue
            parts.append(choice)
            for name in _CODE_NUMBERS[choice]:
                number = getattr(self, name)
                if number != getattr(RankerConfig, name):
                    parts.append(f"{name}={number}")
        return "+".join(parts)
