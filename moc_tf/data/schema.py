"""What a ranker is told about its inputs: the contract of data and rankers."""

import dataclasses
from typing import Any

import numpy as np

from moc_tf.code_table import CodeTable


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


_FEATURE_KINDS: dict[str, type] = {
    "categorical": CategoricalFeature,
    "codes": CodeFeature,
}


@dataclasses.dataclass(frozen=True)
class Schema:
    """The features of a ranker, in the order of its fields, and its label.

    Attributes:
      features: categorical features and at most one code feature.
      label: key of the label, float32 [batch] of 0 and 1.
    """

    features: tuple[CategoricalFeature | CodeFeature, ...]
    label: str = "label"

    def __post_init__(self) -> None:
        names = [feature.name for feature in self.features] + [self.label]
        if len(set(names)) != len(names):
            raise ValueError(f"Names must be different. Received: {names}.")
        if sum(isinstance(feature, CodeFeature) for feature in self.features) > 1:
            raise ValueError(
                f"At most one code feature is possible. Received: {names}."
            )
        if not self.features:
            raise ValueError("A schema needs at least one feature. Received: none.")

    @property
    def categorical(self) -> tuple[CategoricalFeature, ...]:
        """The categorical features."""
        return tuple(f for f in self.features if isinstance(f, CategoricalFeature))

    @property
    def codes(self) -> CodeFeature | None:
        """The code feature, if there is one."""
        return next((f for f in self.features if isinstance(f, CodeFeature)), None)

    @property
    def num_fields(self) -> int:
        """Number of embeddings an example has: one for each table of each code."""
        return len(self.categorical) + (self.codes.num_fields if self.codes else 0)

    def with_codes(self, table: CodeTable, name: str = "codes") -> "Schema":
        """This schema with a code feature for `table`."""
        feature = CodeFeature(
            name, table.num_codebooks, table.codebook_size, table.tables_per_code
        )
        return dataclasses.replace(self, features=(*self.features, feature))

    def example_batch(self) -> dict[str, np.ndarray]:
        """One row of unknown values, without the label: builds a model's weights."""
        batch: dict[str, np.ndarray] = {
            f.name: np.zeros(1, np.int32) for f in self.categorical
        }
        if self.codes:
            unknown = np.full((1, self.codes.num_codebooks), -1, np.int32)
            batch[self.codes.name] = unknown
        return batch

    def to_config(self) -> dict[str, Any]:
        """This schema as JSON-serialisable values."""
        kinds = {cls: kind for kind, cls in _FEATURE_KINDS.items()}
        return {
            "features": [
                {"kind": kinds[type(feature)], **dataclasses.asdict(feature)}
                for feature in self.features
            ],
            "label": self.label,
        }

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
        return cls(tuple(features), config["label"])
