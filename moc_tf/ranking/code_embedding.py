"""The layer that embeds codes, by name."""

from collections.abc import Mapping
from typing import Any

from moc_tf.ranking.code_ngrams import NGramCodeEmbedding
from moc_tf.ranking.embeddings import FieldEmbeddings, SemanticIdEmbedding

NAMES = ("tables", "ngram", "prefix")


def get(identifier: Any, **options: Any) -> FieldEmbeddings:
    """The layer of code tables that `identifier` stands for.

    Args:
      identifier: "tables", a table for each codebook (`SemanticIdEmbedding`); "ngram"
        or "prefix", tables of code sequences (`NGramCodeEmbedding`); or a mapping of
        one of these names as `scheme` and further options of the layer, such as
        {"scheme": "ngram", "ngram_size": 3, "num_buckets": 10_000}.
      **options: arguments of the layer, such as `num_codebooks`.

    Raises:
      ValueError: if it is none of these.
    """
    given = dict(identifier if isinstance(identifier, Mapping) else {})
    scheme = given.pop("scheme", identifier)
    if scheme == "tables" and not given:
        return SemanticIdEmbedding(**options)
    if scheme in ("ngram", "prefix") and given.keys() <= {"ngram_size", "num_buckets"}:
        return NGramCodeEmbedding(scheme=scheme, **given, **options)
    raise ValueError(
        "code_embedding must be 'tables', 'ngram', 'prefix' or a mapping of one of the "
        "latter two as 'scheme' and the options 'ngram_size' and 'num_buckets'. "
        f"Received: {identifier!r}."
    )
