"""The settings of the autoencoder methods, checked where they enter."""

import dataclasses
import math
import numbers
from typing import Any


@dataclasses.dataclass(frozen=True)
class AutoencoderConfig:
    """Settings of `vq` and `moc`.

    Attributes:
      num_codebooks: N, codes of an item.
      codebook_size: K, codes in a codebook; fit on at least so many items.
      codebook_dim: D, dimensions of a code.
      hidden_units: widths of the encoder; the decoder mirrors them.
      latent: "projected", a linear head for each codebook, or "shared", one latent
        for all, told apart by their initial codes alone.
      commitment_cost: beta, weight of the commitment loss.
      diversity_weight: weight of the decorrelation of the heads
        (`diversity.cross_correlation`); 0 is the paper's method.
      epochs: passes over the vectors.
      batch_size: vectors a step.
      learning_rate: of Adam.
      seed: of the initial weights, the order of the vectors and k-means.
    """

    num_codebooks: int = 7
    codebook_size: int = 256
    codebook_dim: int = 32
    hidden_units: tuple[int, ...] = (512, 256, 128)
    latent: str = "projected"
    commitment_cost: float = 0.25
    diversity_weight: float = 0.0
    epochs: int = 40
    batch_size: int = 1024
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.hidden_units, list):
            object.__setattr__(self, "hidden_units", tuple(self.hidden_units))
        for name, least in {
            "num_codebooks": 1,
            "codebook_size": 2,
            "codebook_dim": 1,
            "epochs": 1,
            "batch_size": 1,
            "seed": 0,
        }.items():
            self._require(
                name,
                _is_integer(getattr(self, name), least),
                f"an integer of at least {least}",
            )
        for name in ("commitment_cost", "diversity_weight"):
            self._require(
                name, _is_weight(getattr(self, name)), "a finite number of at least 0"
            )
        self._require(
            "learning_rate",
            _is_weight(self.learning_rate) and self.learning_rate > 0,
            "a finite number above 0",
        )
        self._require(
            "hidden_units",
            isinstance(self.hidden_units, tuple)
            and all(_is_integer(units, 1) for units in self.hidden_units),
            "a tuple of integers of at least 1",
        )
        self._require(
            "latent", self.latent in ("projected", "shared"), "'projected' or 'shared'"
        )
        if self.diversity_weight and (
            self.num_codebooks == 1 or self.latent == "shared"
        ):
            raise ValueError(
                "diversity_weight needs at least two projected latents to tell apart. "
                f"Received: diversity_weight={self.diversity_weight}, "
                f"num_codebooks={self.num_codebooks}, latent={self.latent!r}."
            )

    def _require(self, name: str, holds: bool, wanted: str) -> None:
        if not holds:
            raise ValueError(
                f"{name} must be {wanted}. Received: {getattr(self, name)!r}."
            )


def _is_integer(value: Any, least: int) -> bool:
    return isinstance(value, numbers.Integral) and int(value) >= least


def _is_weight(value: Any) -> bool:
    return isinstance(value, numbers.Real) and 0 <= float(value) < math.inf
