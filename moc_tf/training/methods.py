"""The ways to describe items to a ranker, by name."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moc_tf.data.ranking_data import RankingData
from moc_tf.data.vectors import ItemVectors
from moc_tf.indexing import indexing_methods

# Without codes: nothing at all, N MLPs on the raw vector, N tables of the item ids.
CONTROLS = ("none", "adaptor", "id_me")

SHUFFLED = "shuffled"
# What variants of "moc" are made with, by option of its indexer.
MOC_VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "diverse": {"diversity_weight": 1.0},
    "concatenated": {"decoder": "concatenated"},
    "per_codebook": {"decoder": "per_codebook"},
    "shared_latent": {"latent": "shared"},
}


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to describe items to the ranker.

    Attributes:
      name: an indexing method, the name of a given code table, or a control without
        codes: "none"; "adaptor", the raw vector through N small MLPs; "id_me", N
        more tables of the item ids.
      num_codes: N, fields that the ranker gets, which the fusion mixes; 0 for "none".
        "me" has one code an item in N tables.
      variant: "", or "shuffled": the codes dealt out to other items, which keeps
        capacity and takes away meaning; or, of "moc", one of `MOC_VARIANTS`: made
        with another option.
    """

    name: str
    num_codes: int
    variant: str = ""

    def __post_init__(self) -> None:
        if (self.num_codes == 0) != (self.name == "none") or self.num_codes < 0:
            raise ValueError(
                "num_codes must be 0 for 'none' and at least 1 for other methods. "
                f"Received: {self.num_codes} for {self.name!r}."
            )
        if self.name == "adaptor" and self.num_codes < 2:
            raise ValueError(
                "num_codes of 'adaptor' must be at least 2, fields that the fusion "
                f"can mix. Received: {self.num_codes}."
            )
        if self.variant and not self.has_codes:
            raise ValueError(
                f"A variant is one of codes, and {self.name!r} has none. Received: "
                f"{self.variant!r}. Leave the variant out."
            )
        known = ["", *_variants(self.name)]
        if self.variant not in known:
            raise ValueError(
                f"variant of {self.name!r} must be one of {known}. "
                f"Received: {self.variant!r}."
            )

    @property
    def id(self) -> str:
        """Names the method in paths."""
        return "-".join(filter(None, (self.folder, self.variant)))

    @property
    def folder(self) -> str:
        """Names what its variants share."""
        return f"{self.name}-{self.num_codes}"

    @property
    def has_codes(self) -> bool:
        """Whether it describes items by a code table."""
        return self.name not in CONTROLS

    @property
    def indexer_options(self) -> Mapping[str, Any]:
        """Options of the indexer that the variant fixes."""
        return MOC_VARIANTS.get(self.variant, {})

    def row_head(self, fusion: str, code_variant: str) -> dict[str, Any]:
        """What a row of results tells of the method and of the ranker's use of it.

        Args:
          fusion: of the ranker; "none" in the row if there is nothing to fuse.
          code_variant: of the ranker, `RankerConfig.code_variant`; nothing in the row
            if there are no codes.
        """
        variants = (self.variant, code_variant if self.has_codes else "")
        return {
            "method": self.name,
            "num_codes": self.num_codes,
            "fusion": fusion if self.num_codes else "none",
            "variant": "+".join(filter(None, variants)),
        }

    def applied_to(self, data: RankingData, vectors: ItemVectors) -> RankingData:
        """`data` with what this method says of items, but for codes."""
        if self.name == "adaptor":
            return data.with_item_vectors(vectors, self.num_codes)
        if self.name == "id_me":
            return data.with_item_tables(self.num_codes)
        return data


def methods_named(names: Sequence[str], num_codes: Sequence[int]) -> list[Method]:
    """The methods of a comparison, those of several codes at each number of codes.

    Args:
      names: "none", "adaptor", "id_me", or those of
        `moc_tf.indexing.indexing_methods()`; "moc:diverse" is "moc" in that variant.
      num_codes: N of all but "none" and "vq", which has one code.

    Raises:
      ValueError: if a name or variant is unknown, or a number of codes below 2.
    """
    known = [*CONTROLS, *indexing_methods()]
    fixed = {"none": [0], "vq": [1]}
    methods = []
    for each in names:
        name, _, variant = each.partition(":")
        if name not in known:
            raise ValueError(f"Methods must be among {known}. Received: {name!r}.")
        if name not in fixed and (not num_codes or min(num_codes) < 2):
            raise ValueError(
                f"{name!r} needs at least 2 codes; 'vq' is the method with one. "
                f"Received: num_codes={list(num_codes)}."
            )
        counts = fixed.get(name, num_codes)
        methods += [Method(name, count, variant) for count in counts]
    return methods


def with_variant(methods: Iterable[Method], variant: str) -> list[Method]:
    """The methods in a variant, those that have it; the others as they are.

    Args:
      methods: one that is in a variant already stays in it.
      variant: of codes; "" changes nothing.

    Raises:
      ValueError: if none of the methods has the variant.
    """
    methods = list(methods)
    having = [variant in _variants(method.name) for method in methods]
    if variant and not any(having):
        raise ValueError(
            f"Variant {variant!r} must be one that a method of the comparison has. "
            f"Received: {[method.name for method in methods]}."
        )
    return [
        dataclasses.replace(method, variant=method.variant or variant)
        if has
        else method
        for method, has in zip(methods, having, strict=True)
    ]


def _variants(name: str) -> list[str]:
    """The variants of a method, but for "", which every method has."""
    if name in CONTROLS:
        return []
    return [SHUFFLED, *(MOC_VARIANTS if name == "moc" else ())]
