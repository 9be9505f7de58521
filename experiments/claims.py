"""What is claimed of the codes, and which runs decide it.

The paper's claims, its reviewers' questions and our own additions, each as one
difference between configurations, which `experiments.report` tests. Written down before
the committed runs, but not before all runs: experiments/results/README.md says what had
been seen.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

PAPER, REVIEWERS, OURS = "paper", "reviewers", "ours"
# A gain in AUC below this is none that anybody would pay for.
SMALLEST_GAIN = 0.001


class Side(NamedTuple):
    """One of the configurations that a claim compares.

    Attributes:
      method: its name.
      num_codes: N.
      variant: of the method.
      fusion: of the codes.
    """

    method: str
    num_codes: int
    variant: str = ""
    fusion: str = "self_gating"

    def __str__(self) -> str:
        parts = [self.method, str(self.num_codes or ""), self.variant]
        if self.fusion != "self_gating":
            parts.append(f"fusion {self.fusion}")
        return " ".join(filter(None, parts))


@dataclasses.dataclass(frozen=True)
class Claim:
    """`one` has more of a metric than `other`, on average over a suite's cells.

    Attributes:
      text: what is claimed, for people.
      source: who claims or asks it.
      suite: whose runs decide it.
      one: the configuration that should have more.
      other: the configuration that it is compared with.
      beyond: two more, if the claim is that the difference is larger than theirs.
      metric: of which there should be more, a key of the rows.
      is_open: is it asked which of them has more, and neither claimed?
    """

    text: str
    source: str
    suite: str
    one: Side
    other: Side
    beyond: tuple[Side, Side] | None = None
    metric: str = "auc"
    is_open: bool = False

    @property
    def sides(self) -> list[Side]:
        """All configurations that it takes."""
        return [self.one, self.other, *(self.beyond or ())]

    @property
    def formula(self) -> str:
        """What is measured, in short."""
        difference = f"{self.one} - {self.other}"
        if self.beyond is None:
            return difference
        return f"({difference}) - ({self.beyond[0]} - {self.beyond[1]})"

    @property
    def smallest(self) -> float:
        """The smallest difference that matters; 0 where none is known."""
        return SMALLEST_GAIN if self.metric.startswith("auc") else 0.0


_NONE, _VQ = Side("none", 0), Side("vq", 1)
_MOC, _ME, _RQ_VAE = Side("moc", 7), Side("me", 7), Side("rq_vae", 7)


def _two(side: Side) -> Side:
    return side._replace(num_codes=2)


def _unfused(side: Side) -> Side:
    return side._replace(fusion="none")


def _of_paper() -> list[Claim]:
    def claim(text: str, suite: str, one: Side, other: Side, **more: object) -> Claim:
        return Claim(text, PAPER, suite, one, other, **more)  # type: ignore[arg-type]

    growth = (_MOC, _two(_MOC))
    abundance = {"metric": "information_abundance"}
    return [
        claim("One code of an LLM's vector helps.", "table1", _VQ, _NONE),
        claim("Seven parallel codes help.", "table1", _MOC, _NONE),
        claim("Seven parallel codes are better than one.", "table1", _MOC, _VQ),
        claim("Parallel codes gain from two to seven.", "table1", *growth),
        claim(
            "They gain more than Multi-Embedding does.",
            "table1",
            *growth,
            beyond=(_ME, _two(_ME)),
        ),
        claim(
            "They gain more than RQ-VAE does.",
            "table1",
            *growth,
            beyond=(_RQ_VAE, _two(_RQ_VAE)),
        ),
        claim("At seven they beat Multi-Embedding.", "table1", _MOC, _ME),
        claim("At seven they beat RQ-VAE.", "table1", _MOC, _RQ_VAE),
        claim(
            "Their embeddings fill more dimensions than Multi-Embedding's.",
            "table1",
            _MOC,
            _ME,
            **abundance,
        ),
        claim(
            "Their embeddings fill more dimensions than RQ-VAE's.",
            "table1",
            _MOC,
            _RQ_VAE,
            **abundance,
        ),
        claim("The fusion by self-gating helps.", "table2", _MOC, _unfused(_MOC)),
    ]


def _of_reviewers() -> list[Claim]:
    def beats(text: str, other: Side, one: Side = _MOC, **more: object) -> Claim:
        return Claim(text, REVIEWERS, "reviewers", one, other, **more)  # type: ignore[arg-type]

    def of_moc(variant: str) -> Side:
        return _MOC._replace(variant=variant)

    return [
        beats("Plain ids, scaled as much, gain less.", Side("id_me", 7)),
        beats("Codes drawn at random gain less.", Side("random", 7)),
        beats("Codes of other items gain less.", of_moc("shuffled")),
        beats("Product quantisation gains less.", Side("pq", 7)),
        beats("Optimised product quantisation gains less.", Side("opq", 7)),
        beats("Residual k-means gains less.", Side("rq_kmeans", 7)),
        beats("Residual Gaussian mixtures gain less.", Side("rq_gmm", 7)),
        beats("Seven adaptors of the raw vector gain less.", Side("adaptor", 7)),
        beats("A latent that all codebooks share gains less.", of_moc("shared_latent")),
        beats(
            "Shared decoder, or one for each codebook?",
            of_moc("per_codebook"),
            is_open=True,
        ),
        beats("Codes help beyond seven.", _MOC, Side("moc", 32)),
        beats("New items gain.", _NONE, metric="auc_new_items"),
        beats("Items with few rows gain.", _NONE, metric="auc_tail_items"),
        Claim(
            "The fusion gains more with parallel codes than with Multi-Embedding.",
            REVIEWERS,
            "table2",
            _MOC,
            _unfused(_MOC),
            beyond=(_ME, _unfused(_ME)),
        ),
        Claim(
            "An activation in the gate, as in the paper's figure, or none, as in its "
            "equation?",
            REVIEWERS,
            "table2",
            _MOC,
            _MOC._replace(fusion="self_gating_linear"),
            is_open=True,
        ),
    ]


def _of_ours() -> list[Claim]:
    return [
        Claim(
            "Decorrelated heads are better than the paper's form.",
            OURS,
            "table1",
            _MOC._replace(variant="diverse"),
            _MOC,
        ),
        Claim(
            "A decoder that sees all codes side by side is better at 32.",
            OURS,
            "reviewers",
            Side("moc", 32, "concatenated"),
            Side("moc", 32),
        ),
    ]


CLAIMS: Sequence[Claim] = (*_of_paper(), *_of_reviewers(), *_of_ours())
