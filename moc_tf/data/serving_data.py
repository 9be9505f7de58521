"""What turns the raw ids of a request into the features of a ranker."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping

import numpy as np

from moc_tf._artefact import read_artefact, write_artefact
from moc_tf.data.ranking_data import RankingData
from moc_tf.data.vocabulary import Vocabulary
from moc_tf.identifiers import as_identifiers

_KIND = "serving_data"
_VOCABULARY = "vocabulary/"  # prefixes of the arrays' names
_ITEM_FEATURE = "item_feature/"


@dataclasses.dataclass(frozen=True)
class ServingData:
    """Vocabularies, and each item's features, as training had them.

    Attributes:
      vocabularies: of the categorical features, by name.
      item_ids: unique strings, [items].
      item_features: name -> [items, ...]; of categorical features int32 vocabulary
        ids, 0 for values unseen in training.
    """

    vocabularies: Mapping[str, Vocabulary]
    item_ids: np.ndarray
    item_features: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        object.__setattr__(self, "item_ids", as_identifiers(self.item_ids, "item ids"))
        for name, values in self.item_features.items():
            if len(values) != len(self.item_ids):
                raise ValueError(
                    f"Item feature {name!r} must have one value an item. Received: "
                    f"{len(values)} values for {len(self.item_ids)} items."
                )

    @classmethod
    def of(cls, data: RankingData) -> "ServingData":
        """That of a data set."""
        return cls(data.vocabularies, data.item_ids, data.item_features)

    def sha256(self) -> str:
        """Checksum of all of it, as 64 hexadecimal digits."""
        digest = hashlib.sha256()
        for name, array in sorted(self._arrays().items()):
            is_text = array.dtype.kind == "U"
            # The width that NumPy gives an array of strings says nothing.
            what = "strings" if is_text else array.dtype.str
            digest.update(f"\n{name} {what} {array.shape}\n".encode())
            if is_text:
                digest.update(json.dumps(array.tolist()).encode())
            else:
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it to the folder `path`, replacing serving data there.

        Raises:
          ArtefactError: if `path` holds anything else.
        """
        write_artefact(path, _KIND, self._arrays(), {})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "ServingData":
        """Reads what `save` wrote, and verifies it.

        Raises:
          ArtefactError: if `path` holds no serving data, or damaged ones.
        """
        arrays, _ = read_artefact(path, _KIND)

        def named(prefix: str) -> dict[str, np.ndarray]:
            return {
                name.removeprefix(prefix): array
                for name, array in arrays.items()
                if name.startswith(prefix)
            }

        vocabularies = {n: Vocabulary(v) for n, v in named(_VOCABULARY).items()}
        return cls(vocabularies, arrays["item_ids"], named(_ITEM_FEATURE))

    def _arrays(self) -> dict[str, np.ndarray]:
        vocabularies = {
            _VOCABULARY + name: vocabulary.values
            for name, vocabulary in self.vocabularies.items()
        }
        features = {_ITEM_FEATURE + name: v for name, v in self.item_features.items()}
        return {"item_ids": self.item_ids, **vocabularies, **features}
