"""The shapes of the workloads, and how many operations they cannot do without."""

import dataclasses
import itertools
from collections.abc import Sequence

FIELDS_BESIDE_CODES = 4  # of a ranker: user, item, brand, category


@dataclasses.dataclass(frozen=True)
class TokenizerShape:
    """An autoencoder with codebooks in its latent space, and the vectors it sees.

    Attributes:
      num_vectors: vectors of the data.
      dim: X, dimensions of a vector.
      hidden_units: of the encoder; the decoder mirrors them.
      codebook_dim: D.
      num_codebooks: N.
      codebook_size: K.
      train_batch: vectors of a training step.
      encode_batch: vectors that are encoded at once.
      num_clusters: that the vectors come from.
      rank: dimensions of the space in which they and their clusters differ.
    """

    num_vectors: int = 65_536
    dim: int = 768
    hidden_units: tuple[int, ...] = (512, 256, 128)
    codebook_dim: int = 32
    num_codebooks: int = 7
    codebook_size: int = 256
    train_batch: int = 1024
    encode_batch: int = 8192
    num_clusters: int = 2_000
    rank: int = 64

    def train_flops(self, hidden_units: Sequence[int], heads: int) -> int:
        """Of one vector in a training step: 2 a multiply-add, in matrix products alone.

        Forward each product once, backward twice, but for the gradient of the input,
        which nobody needs. Codebooks cost their search; everything that is no matrix
        product is left out, and so are the optimizer's updates.

        Args:
          hidden_units: of the encoder.
          heads: latents of a vector; 1 where the codebooks share one.
        """
        encoder = self._encoder_macs(hidden_units, heads)
        decoder = self._encoder_macs(hidden_units, 1)  # of one mean of the codes
        forward = 2 * (encoder + decoder)
        return 3 * forward + 2 * self._search_macs() - 2 * self.dim * hidden_units[0]

    def encode_flops(self, hidden_units: Sequence[int], heads: int) -> int:
        """Of one vector on its way to codes, counted alike."""
        return 2 * (self._encoder_macs(hidden_units, heads) + self._search_macs())

    def _encoder_macs(self, hidden_units: Sequence[int], heads: int) -> int:
        return _chain((self.dim, *hidden_units, heads * self.codebook_dim))

    def _search_macs(self) -> int:
        return self.num_codebooks * self.codebook_size * self.codebook_dim


@dataclasses.dataclass(frozen=True)
class RankerShape:
    """A CTR ranker over user, item, brand, category and codes, and its click log.

    Attributes:
      num_rows: of the log.
      users: vocabulary of users, where it is not varied.
      user_counts: vocabularies of users, where it is.
      items: of the catalogue.
      brands: vocabulary.
      categories: vocabulary.
      num_codes: N, codes of an item.
      codebook_size: K.
      embedding_dim: d of every field.
      hidden_units: of the MLP.
      num_layers: cross or attention layers.
      batch_size: rows of a step, and of a prediction where rate counts.
      request_sizes: rows of a prediction where latency counts.
      memory_rows: of the log whose training's memory is measured.
    """

    num_rows: int = 1_048_576
    users: int = 1_000_000
    user_counts: tuple[int, ...] = (100_000, 1_000_000, 4_000_000)
    items: int = 100_000
    brands: int = 2_000
    categories: int = 500
    num_codes: int = 7
    codebook_size: int = 256
    embedding_dim: int = 16
    hidden_units: tuple[int, ...] = (256, 128, 64)
    num_layers: int = 3
    batch_size: int = 4096
    request_sizes: tuple[int, ...] = (1, 256)
    memory_rows: int = 33_554_432

    def forward_macs(self, model: str) -> int:
        """Multiply-adds of one row in the matrix products behind the embeddings.

        Args:
          model: "dcn_v2", "deepfm" or "autoint_plus", without fusion.
        """
        fields, dim = FIELDS_BESIDE_CODES + self.num_codes, self.embedding_dim
        width = fields * dim
        mlp = _chain((width, *self.hidden_units, 1))
        match model:
            case "dcn_v2":
                return mlp + self.num_layers * width**2 + width
            case "deepfm":
                return mlp + 2 * width
            case "autoint_plus":
                projections, products = 3 * fields * dim**2, 2 * fields**2 * dim
                return mlp + self.num_layers * (projections + products) + width
        raise ValueError(
            "Operations are known of dcn_v2, deepfm and autoint_plus. Received: "
            f"{model!r}."
        )


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long a figure is measured.

    Attributes:
      repeats: measurements, of which the median counts.
      min_seconds: of a repeat that counts work in a time.
      calls: of a repeat that times single calls, at most.
      max_seconds: of such a repeat.
      warmup_calls: before the first repeat.
      min_fit_seconds: that a method which learns in epochs gets, even where the one
        whose time it is to get takes less.
    """

    repeats: int = 3
    min_seconds: float = 3.0
    calls: int = 1_000
    max_seconds: float = 2.0
    warmup_calls: int = 3
    min_fit_seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class Scale:
    """All sizes of a benchmark."""

    tokenizer: TokenizerShape
    ranker: RankerShape
    effort: Effort


SCALES = {
    "full": Scale(TokenizerShape(), RankerShape(), Effort()),
    # For the tests: the same paths through the code, and figures that mean nothing.
    "tiny": Scale(
        TokenizerShape(
            num_vectors=512,
            dim=24,
            hidden_units=(16, 8),
            codebook_dim=4,
            num_codebooks=2,
            codebook_size=16,
            train_batch=128,
            encode_batch=256,
            num_clusters=20,
            rank=8,
        ),
        RankerShape(
            num_rows=512,
            users=50,
            user_counts=(20, 50, 80),
            items=30,
            brands=5,
            categories=3,
            num_codes=2,
            codebook_size=8,
            embedding_dim=4,
            hidden_units=(8,),
            batch_size=64,
            request_sizes=(1, 4),
            memory_rows=4_096,
        ),
        Effort(
            min_seconds=0.01,
            calls=5,
            max_seconds=0.1,
            warmup_calls=1,
            min_fit_seconds=10.0,
        ),
    ),
}


def _chain(widths: Sequence[int]) -> int:
    """Multiply-adds of dense layers from the first width to the last."""
    return sum(a * b for a, b in itertools.pairwise(widths))
