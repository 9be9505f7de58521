"""The settings of the autoencoder methods, checked where they enter."""

import dataclasses

from moc_tf.indexing.estimators import ESTIMATORS
from moc_tf.indexing.option_checks import (
    is_integer,
    is_weight,
    require,
    require_integers,
)
from moc_tf.indexing.quantizer import CODEBOOK_UPDATES, DISTANCES

PRECISIONS = ("float32", "mixed_bfloat16")

_CHOICES: dict[str, tuple[str, ...]] = {
    "quantizer": ("parallel", "residual"),
    "latent": ("projected", "shared"),
    "decoder": ("shared", "concatenated", "per_codebook"),
    "distance": DISTANCES,
    "codebook_update": CODEBOOK_UPDATES,
    "estimator": tuple(ESTIMATORS),
    "codebook_start": ("kmeans", "sample"),
    "dead_codes": ("replace", "keep"),
    "precision": PRECISIONS,
    "encoding_precision": PRECISIONS,
}


@dataclasses.dataclass(frozen=True)
class AutoencoderConfig:
    """Settings of `moc`, and, but for what their names fix, of `vq`, `me`, `rq_vae`.

    The paper does not tell the widths of its MLP. On 12,000 vectors of 768 dimensions,
    one hidden layer and small batches leave far less error than three layers
    (512, 256, 128) and batches of 1,024, which 480 steps do not train, and only with
    them the error falls with every doubling of N: 0.43, 0.39, 0.38 instead of 0.56,
    0.57, 0.57 at 8, 16 and 32 codes.

    Attributes:
      num_codebooks: N, codes of an item.
      codebook_size: K, codes in a codebook; fit on at least so many items.
      codebook_dim: D, dimensions of a code.
      hidden_units: widths of the encoder; the decoder mirrors them.
      quantizer: "parallel", N codebooks side by side, or "residual", each for what
        those before it have left.
      latent: "projected", a linear head for each codebook, or "shared", one latent
        for all, told apart by their initial codes alone; residual levels share one.
      decoder: "shared", one for the mean of the code vectors; "concatenated", one for
        all of them side by side, an addition of ours, whose error keeps falling with
        N where that of the mean stalls; or "per_codebook", one for each, whose
        outputs are averaged.
      distance: "l2" or "cosine", between latents and codes.
      codebook_update: "gradient", or "ema", moving averages; see `Quantizer`.
      ema_decay: of these averages.
      estimator: "straight_through" or "rotation", how gradients pass the choice of a
        code; see `moc_tf.indexing.estimators`.
      codebook_start: "kmeans", centroids, or "sample", some of the latents.
      dead_codes: "replace" moves codes that an epoch did not choose onto latents,
        "keep" leaves them.
      warmup_epochs: first epochs without codebooks, which start afterwards in the
        latents that an autoencoder has learned.
      commitment_cost: beta, weight of the commitment loss.
      diversity_weight: weight of the decorrelation of the heads
        (`diversity.cross_correlation`); 0 is the paper's method.
      epochs: passes over the vectors, the warm-up among them.
      batch_size: vectors a step; a data set brings its own batches.
      learning_rate: of Adam.
      precision: "float32", or "mixed_bfloat16", which has the layers of encoder and
        decoder compute in bfloat16 while they are trained, in 0.6 to 0.7 of the time
        where the processor has such products. Latents, distances, losses and all
        variables stay float32.
      encoding_precision: the same for `encode` and `decode`. In bfloat16 some items
        get other codes than in float32, and they may depend on the processor.
      seed: of the initial weights, the order of the vectors and k-means; below 2**63.
    """

    num_codebooks: int = 7
    codebook_size: int = 256
    codebook_dim: int = 32
    hidden_units: tuple[int, ...] = (512,)
    quantizer: str = "parallel"
    latent: str = "projected"
    decoder: str = "shared"
    distance: str = "l2"
    codebook_update: str = "gradient"
    ema_decay: float = 0.99
    estimator: str = "straight_through"
    codebook_start: str = "kmeans"
    dead_codes: str = "replace"
    warmup_epochs: int = 0
    commitment_cost: float = 0.25
    diversity_weight: float = 0.0
    epochs: int = 40
    batch_size: int = 256
    learning_rate: float = 1e-3
    precision: str = "float32"
    encoding_precision: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.hidden_units, list):
            object.__setattr__(self, "hidden_units", tuple(self.hidden_units))
        require_integers(
            self,
            num_codebooks=1,
            codebook_size=2,
            codebook_dim=1,
            epochs=1,
            warmup_epochs=0,
            batch_size=1,
            seed=0,
        )
        require(self, "seed", self.seed < 2**63, "below 2**63")
        for name in ("commitment_cost", "diversity_weight"):
            require(
                self,
                name,
                is_weight(getattr(self, name)),
                "a finite number of at least 0",
            )
        require(
            self,
            "learning_rate",
            is_weight(self.learning_rate) and self.learning_rate > 0,
            "a finite number above 0",
        )
        require(
            self,
            "hidden_units",
            isinstance(self.hidden_units, tuple)
            and all(is_integer(units, 1) for units in self.hidden_units),
            "a tuple of integers of at least 1",
        )
        require(
            self,
            "ema_decay",
            is_weight(self.ema_decay) and 0 < self.ema_decay < 1,
            "a number between 0 and 1",
        )
        for name, choices in _CHOICES.items():
            require(self, name, getattr(self, name) in choices, f"one of {choices}")
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                "warmup_epochs must leave epochs to train the codebooks in. Received: "
                f"warmup_epochs={self.warmup_epochs}, epochs={self.epochs}."
            )
        self._check_residual()
        if self.diversity_weight and (
            self.num_codebooks == 1 or self.latent == "shared"
        ):
            raise ValueError(
                "diversity_weight needs at least two projected latents to tell apart. "
                f"Received: diversity_weight={self.diversity_weight}, "
                f"num_codebooks={self.num_codebooks}, latent={self.latent!r}."
            )

    def _check_residual(self) -> None:
        fixed = {"latent": "shared", "decoder": "shared", "distance": "l2"}
        wrong = {n: getattr(self, n) for n, v in fixed.items() if getattr(self, n) != v}
        if self.quantizer == "residual" and wrong:
            raise ValueError(
                f"Residual levels add up in one latent space, with {fixed}. Received: "
                f"{wrong}."
            )
