"""Whether codes come from one indexer, as far as manifests tell."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# What `Indexer.describe` says, and the checksum of a saved indexer.
_TOLD_BY_INDEXERS = (
    "method",
    "configuration",
    "input_dim",
    "codes_per_item",
    "codebook_size",
    "fit",
    "versions",
    "indexer_sha256",
)


def check_same_indexer(
    known: Iterable[Mapping[str, Any]], new: Mapping[str, Any]
) -> None:
    """Raises ValueError if codes come from another indexer than those of a table.

    Only what both manifests carry is compared. Versions count: another release of a
    numerical library may give an item at the border of two codes the other one.

    Args:
      known: manifests of the codes in the table.
      new: manifest of the codes to add.
    """
    for manifest in known:
        shared = [k for k in _TOLD_BY_INDEXERS if k in manifest and k in new]
        found = [
            difference
            for key in shared
            for difference in _differences(key, manifest[key], new[key])
        ]
        if found:
            raise ValueError(
                "The new codes come from another indexer than those of the table, and "
                "a code of one indexer says nothing to rankers that know the other's. "
                f"Received: {'; '.join(found)}. Encode the new items with the table's "
                "indexer and versions, or all items with the new ones."
            )


def _differences(what: str, known: Any, new: Any) -> Iterator[str]:
    if isinstance(known, Mapping) and isinstance(new, Mapping):
        for key in sorted({*known, *new}):
            inner = f"{what}[{key!r}]"
            yield from _differences(inner, known.get(key), new.get(key))
    elif known != new:
        yield f"{what} {new!r}, the table has {known!r}"
