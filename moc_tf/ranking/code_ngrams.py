"""Embedding tables of code sequences, in place of those of single codes."""

from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.ranking import layer_checks
from moc_tf.ranking.embeddings import FieldEmbeddings

SCHEMES = ("unigram", "ngram", "prefix")

# A number of 32 bits times one of these factors fits int64.
_MIXING = ((16, 0x6C078965), (15, 0x4F1BBCDD))
_32_BITS = 0xFFFFFFFF


def ngram_rows(
    codes: tf.Tensor, ngram_size: int, codebook_size: int, num_buckets: int
) -> tf.Tensor:
    """Rows in the tables of n-grams: for each code, that of the n-gram it ends.

    Of an n-gram (c_1, ..., c_m) of m codes with K possible values each:

        row = 0                                 if a code is -1
        row = 1 + sum_j c_j K^(m - j)           if K^m <= num_buckets
        row = 1 + h_m mod num_buckets           otherwise

    where h_0 = 0, h_j = mix(h_{j-1} xor (c_j + 1)) and, in integers of 32 bits,

        mix(x) = x'' xor (x'' >> 16)
        x'  = 0x6C078965 (x  xor (x  >> 16)) mod 2^32
        x'' = 0x4F1BBCDD (x' xor (x' >> 15)) mod 2^32

    The function is fixed: trained tables depend on it, so it is the same in every
    process and on every machine.

    Args:
      codes: int64 [batch, N] in [-1, codebook_size), with N known.
      ngram_size: n. The first n - 1 n-grams have only the codes that there are.
      codebook_size: K.
      num_buckets: rows of a table at most, but for that of -1.

    Returns:
      int64 [batch, N], from 0 to `num_buckets`.
    """
    num_codes = codes.shape[1]
    lengths = _lengths(num_codes, ngram_size)
    hashed = np.array([codebook_size**m > num_buckets for m in lengths])
    base = np.where(hashed, 0, codebook_size)  # so that nothing overflows
    index, state = tf.zeros_like(codes), tf.zeros_like(codes)
    known = tf.ones_like(codes, tf.bool)
    for age in reversed(range(max(lengths))):
        older = tf.pad(codes[:, : num_codes - age], [[0, 0], [age, 0]])
        index = index * base + older
        # Where there is no code so old, the state stays 0, since mix(0) is.
        there = (np.arange(num_codes) >= age).astype(np.int64)
        state = _mix(tf.bitwise.bitwise_xor(state, (older + 1) * there))
        known &= older >= 0
    place = tf.where(hashed, state % num_buckets, index)
    return tf.where(known, place + 1, 0)


def _mix(x: tf.Tensor) -> tf.Tensor:
    for shift, factor in _MIXING:
        x = _xor_shifted(x, shift) * factor
        x = tf.bitwise.bitwise_and(x, tf.constant(_32_BITS, tf.int64))
    return _xor_shifted(x, 16)


def _xor_shifted(x: tf.Tensor, shift: int) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, np.int64(shift)))


def _lengths(num_codes: int, ngram_size: int) -> list[int]:
    """Codes of the n-gram that ends in each code."""
    return [min(end, ngram_size) for end in range(1, num_codes + 1)]


@keras.utils.register_keras_serializable(package="moc_tf")
class NGramCodeEmbedding(FieldEmbeddings):
    """Embeds semantic IDs by sequences of codes, each position with a table of its own.

    Field i embeds the n-gram that ends in code i: with "unigram" the code alone, as
    `SemanticIdEmbedding` does; with "ngram" the codes c_{i-n+1}, ..., c_i; with
    "prefix" all codes c_1, ..., c_i. Residual codes want it: what a later code means
    depends on those before it. There are N fields in every scheme, so that schemes
    compare at equal width: the first n - 1 fields of "ngram" have the shorter n-grams
    that begin the ID.

    The table of n-grams of m codes has K^m rows, or `num_buckets` if these are fewer,
    among which a hash spreads the n-grams; see `ngram_rows`. One more row, the first,
    is for n-grams with a -1, so for items without codes. Parameters, with m_i the
    length of n-gram i:

        tables_per_code * embedding_dim * sum_i (1 + min(K^m_i, num_buckets))

    Source: n-grams: Singh et al., "Better Generalization with Semantic IDs: A Case
    Study in Ranking for Recommendations", arXiv:2306.08121; prefixes: Zheng et al.,
    "Enhancing Embedding Representation Stability in Recommendation Systems with
    Semantic ID", arXiv:2504.02137. That there is a field for each position, rather
    than their sum, is our choice: the fusion of the codes applies to it.

    Example:
      >>> layer = NGramCodeEmbedding(3, codebook_size=256, embedding_dim=16)
      >>> layer(tf.constant([[255, 0, 3], [-1, -1, -1]])).shape
      TensorShape([2, 3, 16])

    Args:
      num_codebooks: N, codes of an item.
      codebook_size: K, different values of a code.
      embedding_dim: d, the size of an embedding.
      scheme: "unigram", "ngram" or "prefix".
      ngram_size: n of "ngram"; the other schemes ignore it.
      num_buckets: rows of a table at most, but for that of -1.
      embeddings_initializer: of the weight; None is a normal distribution with
        standard deviation 0.01.
      tables_per_code: tables of each n-gram, all different.

    Call arguments:
      codes: integers [batch, num_codebooks] in [-1, codebook_size).

    Returns:
      float32 [batch, num_codebooks * tables_per_code, embedding_dim]: first what all
      tables of the first n-gram say, then those of the second, and so on.

    Raises:
      ValueError: if `codes` are not integers or have another shape.
      tf.errors.InvalidArgumentError: if a code lies outside [-1, codebook_size).
    """

    first_id = -1

    def __init__(
        self,
        num_codebooks: int,
        codebook_size: int,
        embedding_dim: int,
        scheme: str = "ngram",
        ngram_size: int = 2,
        num_buckets: int = 65_536,
        embeddings_initializer: Any = None,
        tables_per_code: int = 1,
        **kwargs: Any,
    ):
        layer_checks.sizes(
            self,
            num_codebooks=num_codebooks,
            codebook_size=codebook_size,
            ngram_size=ngram_size,
            num_buckets=num_buckets,
            tables_per_code=tables_per_code,
        )
        if scheme not in SCHEMES:
            raise ValueError(
                f"scheme must be one of {list(SCHEMES)}. Received: {scheme!r}."
            )
        longest = {"unigram": 1, "ngram": ngram_size, "prefix": num_codebooks}[scheme]
        super().__init__(
            [
                1 + min(codebook_size**length, num_buckets)
                for length in _lengths(num_codebooks, longest)
                for _ in range(tables_per_code)
            ],
            embedding_dim,
            embeddings_initializer,
            **kwargs,
        )
        self._longest = longest
        self.num_codebooks = num_codebooks
        self.codebook_size = codebook_size
        self.scheme = scheme
        self.ngram_size = ngram_size
        self.num_buckets = num_buckets
        self.tables_per_code = self.tables_per_id = tables_per_code

    def _rows(self, ids: tf.Tensor) -> tf.Tensor:
        return ngram_rows(ids, self._longest, self.codebook_size, self.num_buckets)

    def _end_ids(self) -> np.ndarray:
        return np.full(self.num_codebooks, self.codebook_size)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = super().get_config()
        del config["vocabulary_sizes"]
        return {
            **config,
            "num_codebooks": self.num_codebooks,
            "codebook_size": self.codebook_size,
            "scheme": self.scheme,
            "ngram_size": self.ngram_size,
            "num_buckets": self.num_buckets,
            "tables_per_code": self.tables_per_code,
        }
