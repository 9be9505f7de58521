"""What a ranker is told about its inputs: the contract of data and rankers."""

import dataclasses
from typing import Any, TypeAlias

import numpy as np

from moc_tf.code_table import CodeTable
from moc_tf.data.dense_features import NumericFeature, VectorFeature


@dataclasses.dataclass(frozen=True)
class CategoricalFeature:
    """A field with one id an example: int32 [batch], in [0, vocabulary_size).

    Attributes:
      name: key in the feature dictionary.
      vocabulary_size: number of ids; id 0 stands for every value never seen.
    """

    name: str
    vocabulary_size: int

    def __post_init__(self) -> None:
        if self.vocabulary_size < 1:
            raise ValueError(
                f"vocabulary_size of {self.name!r} must be at least 1 (id 0 is for "
                f"unseen values). Received: {self.vocabulary_size}."
            )


@dataclasses.dataclass(frozen=True)
class CodeFeature:
    """Semantic IDs: int32 [batch, num_codebooks], in [0, codebook_size), or -1.

    -1 stands for an item without codes, and has an embedding of its own.

    Attributes:
      name: key in the feature dictionary.
      num_codebooks: N, codes of an item.
      codebook_size: K, different values of a code.
      tables_per_code: embedding tables of a code; each is a field of the ranker.
    """

    name: str
    num_codebooks: int
    codebook_size: int
    tables_per_code: int = 1

    def __post_init__(self) -> None:
        if min(self.num_codebooks, self.codebook_size, self.tables_per_code) < 1:
            raise ValueError(
                f"num_codebooks, codebook_size and tables_per_code of {self.name!r} "
                f"must be at least 1. Received: {self.num_codebooks}, "
                f"{self.codebook_size} and {self.tables_per_code}."
            )

    @property
    def num_fields(self) -> int:
        """Number of embeddings the codes of an example have."""
        return self.num_codebooks * self.tables_per_code

    def check(self, table: CodeTable) -> None:
        """Raises ValueError unless `table` holds the codes this feature describes."""
        have = (table.num_codebooks, table.codebook_size, table.tables_per_code)
        want = (self.num_codebooks, self.codebook_size, self.tables_per_code)
        if have != want:
            raise ValueError(
                f"The code table does not match the ranker's feature {self.name!r}: "
                f"the ranker was made for {want[0]} codebooks of {want[1]} codes, each "
                f"with {want[2]} embedding tables, the table has {have[0]} of "
                f"{have[1]}, each with {have[2]}. Train a ranker for this table or "
                "load the table that the ranker was trained with."
            )


@dataclasses.dataclass(frozen=True)
class IdTablesFeature:
    """N more tables for the ids of a categorical feature, fused as codes are.

    Multi-Embedding on raw ids, without codes. It reads the ids of the other feature,
    so that a value unseen there, id 0, is unseen here; batches hold nothing under its
    own name.

    Attributes:
      name: of the feature.
      of: name of the categorical feature.
      vocabulary_size: of that feature.
      num_tables: N, tables and therefore fields.
    """

    name: str
    of: str
    vocabulary_size: int
    num_tables: int

    def __post_init__(self) -> None:
        if min(self.vocabulary_size, self.num_tables) < 1:
            raise ValueError(
                f"vocabulary_size and num_tables of {self.name!r} must be at least 1. "
                f"Received: {self.vocabulary_size} and {self.num_tables}."
            )

    @property
    def num_fields(self) -> int:
        """Number of embeddings of an example."""
        return self.num_tables


@dataclasses.dataclass(frozen=True)
class MultiValuedFeature:
    """A field with any number of ids an example, whose embeddings are pooled.

    Batches hold integers in [0, vocabulary_size): [batch, length] padded with -1, or a
    `tf.RaggedTensor` [batch, None]. An example without ids has an embedding of its
    own, as an item without codes has.

    Attributes:
      name: key in the feature dictionary.
      vocabulary_size: number of ids; id 0 stands for every value never seen.
      pooling: "mean" or "sum" of the embeddings of an example's ids.
    """

    name: str
    vocabulary_size: int
    pooling: str = "mean"

    def __post_init__(self) -> None:
        if self.vocabulary_size < 1:
            raise ValueError(
                f"vocabulary_size of {self.name!r} must be at least 1 (id 0 is for "
                f"unseen values). Received: {self.vocabulary_size}."
            )
        if self.pooling not in ("mean", "sum"):
            raise ValueError(
                f"pooling of {self.name!r} must be 'mean' or 'sum'. Received: "
                f"{self.pooling!r}."
            )


Feature: TypeAlias = (
    CategoricalFeature
    | CodeFeature
    | IdTablesFeature
    | MultiValuedFeature
    | NumericFeature
    | VectorFeature
)

_FEATURE_KINDS: dict[str, type] = {
    "categorical": CategoricalFeature,
    "codes": CodeFeature,
    "id_tables": IdTablesFeature,
    "multi_valued": MultiValuedFeature,
    "numeric": NumericFeature,
    "vector": VectorFeature,
}


@dataclasses.dataclass(frozen=True)
class Schema:
    """The features of a ranker, in the order of its fields, and its label.

    Attributes:
      features: of any kinds, but at most one whose fields are fused: the codes, id
        tables, or a vector of several fields.
      label: key of the label, float32 [batch] of 0 and 1.
      weight: key of the weights, float32 [batch] of at least 0, by which the losses of
        a batch are multiplied in training; None for none. Like the label, it is no
        input of a ranker that serves.
    """

    features: tuple[Feature, ...]
    label: str = "label"
    weight: str | None = None

    def __post_init__(self) -> None:
        names = [feature.name for feature in self.features] + [self.label]
        if self.weight is not None:
            names.append(self.weight)
        if len(set(names)) != len(names):
            raise ValueError(f"Names must be different. Received: {names}.")
        if not self.features:
            raise ValueError("A schema needs at least one feature. Received: none.")
        fused = [feature.name for feature in self.features if _is_fused(feature)]
        if len(fused) > 1:
            raise ValueError(
                "At most one feature may be codes, id tables or a vector of several "
                f"fields, which the ranker fuses. Received: {fused}."
            )
        for feature in self.of_kind(IdTablesFeature):
            read = CategoricalFeature(feature.of, feature.vocabulary_size)
            if read not in self.features:
                raise ValueError(
                    f"The id tables {feature.name!r} need the feature that they read, "
                    f"{read}. Received: {list(self.features)}."
                )

    def of_kind(self, kind: type) -> tuple[Any, ...]:
        """The features of one class, in order."""
        return tuple(f for f in self.features if isinstance(f, kind))

    @property
    def categorical(self) -> tuple[CategoricalFeature, ...]:
        """The categorical features."""
        return self.of_kind(CategoricalFeature)

    @property
    def codes(self) -> CodeFeature | None:
        """The code feature, if there is one."""
        return next(iter(self.of_kind(CodeFeature)), None)

    @property
    def fused(self) -> Feature | None:
        """The feature whose fields the fusion mixes, if there is one."""
        return next((f for f in self.features if _is_fused(f)), None)

    @property
    def inputs(self) -> tuple[str, ...]:
        """What batches hold for a ranker, in order: keys of the feature dictionary."""
        return tuple(
            f.name for f in self.features if not isinstance(f, IdTablesFeature)
        )

    @property
    def num_fields(self) -> int:
        """Number of embeddings an example has: one for each table of each code."""
        return sum(getattr(feature, "num_fields", 1) for feature in self.features)

    def without_vectors(self) -> "Schema | None":
        """This schema without its vectors; None if it has nothing else."""
        rest = tuple(f for f in self.features if not isinstance(f, VectorFeature))
        return dataclasses.replace(self, features=rest) if rest else None

    def with_codes(self, table: CodeTable, name: str = "codes") -> "Schema":
        """This schema with a code feature for `table`."""
        feature = CodeFeature(
            name, table.num_codebooks, table.codebook_size, table.tables_per_code
        )
        return dataclasses.replace(self, features=(*self.features, feature))

    def example_batch(self) -> dict[str, np.ndarray]:
        """One row of unknown values, without label and weight: builds a model.

        A number or vector that is not known is the one which is standardised to 0.
        """
        batch: dict[str, np.ndarray] = {}
        for feature in self.features:
            match feature:
                case CategoricalFeature():
                    batch[feature.name] = np.zeros(1, np.int32)
                case CodeFeature():
                    unknown = np.full((1, feature.num_codebooks), -1, np.int32)
                    batch[feature.name] = unknown
                case MultiValuedFeature():
                    batch[feature.name] = np.full((1, 1), -1, np.int32)
                case NumericFeature():
                    batch[feature.name] = np.array([feature.center], np.float32)
                case VectorFeature():
                    center = feature.mean or np.zeros(feature.dim)
                    batch[feature.name] = np.array([center], np.float32)
        return batch

    def to_config(self) -> dict[str, Any]:
        """This schema as JSON-serialisable values."""
        kinds = {cls: kind for kind, cls in _FEATURE_KINDS.items()}
        features = []
        for feature in self.features:
            values = dataclasses.asdict(feature)
            plain = {
                k: list(v) if isinstance(v, tuple) else v for k, v in values.items()
            }
            features.append({"kind": kinds[type(feature)], **plain})
        config = {"features": features, "label": self.label}
        # Runs are known by digests of this, from before there were weights.
        return config if self.weight is None else {**config, "weight": self.weight}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Schema":
        """The schema that `to_config` described."""
        features = []
        for entry in config["features"]:
            values = dict(entry)
            kind = values.pop("kind")
            if kind not in _FEATURE_KINDS:
                raise ValueError(
                    f"Feature kind must be one of {sorted(_FEATURE_KINDS)}. "
                    f"Received: {kind!r}."
                )
            features.append(_FEATURE_KINDS[kind](**values))
        return cls(tuple(features), config["label"], config.get("weight"))


def _is_fused(feature: Feature) -> bool:
    if isinstance(feature, VectorFeature):
        return feature.num_fields > 1
    return isinstance(feature, CodeFeature | IdTablesFeature)
