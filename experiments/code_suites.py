"""The suites of figures of codes: which indexers, and at how many codes."""

from collections.abc import Mapping
from typing import NamedTuple

# The default; `--datasets` names others.
DATA = (("amazon/beauty", "rating"),)


class CodeSuiteCells(NamedTuple):
    """What a suite measures.

    Attributes:
      methods: names of indexers; see `experiments.settings.indexing_method`.
      num_codes: N, but of "vq", which has one code.
    """

    methods: tuple[str, ...]
    num_codes: tuple[int, ...]

    @property
    def cells(self) -> list[tuple[str, int]]:
        """Names and numbers of codes, in order."""
        return [
            (name, count)
            for name in self.methods
            for count in ((1,) if name == "vq" else self.num_codes)
        ]


_PARALLEL = ("moc", "diverse_moc")
_OTHERS = ("rq_vae", "rq_kmeans", "pq", "opq")
CODE_SUITES: Mapping[str, CodeSuiteCells] = {
    # Relative reconstruction error, so without "random", which cannot be decoded.
    "figure1": CodeSuiteCells(
        ("vq", *_PARALLEL, "concatenated_moc", *_OTHERS, "rq_gmm"),
        (1, 2, 3, 4, 7, 8, 16, 32),
    ),
    # Discriminability. Without "me", whose one code is that of "vq" at every N.
    "figure2": CodeSuiteCells(("vq", *_PARALLEL, *_OTHERS, "random"), (1, 2, 3, 7)),
    # NMI between codebooks.
    "figure3": CodeSuiteCells((*_PARALLEL, *_OTHERS), (7,)),
}


def method_and_variant(name: str) -> tuple[str, str]:
    """Method and variant of the rankers that read an indexer's codes.

    Args:
      name: of the indexer, such as "diverse_moc" of method "moc", variant "diverse".
    """
    variant, of_moc, _ = name.partition("_moc")
    return ("moc", variant) if of_moc else (name, "")
