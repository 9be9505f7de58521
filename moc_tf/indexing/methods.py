"""The indexing methods by name, and indexers by the folder that they were saved to."""

import dataclasses
import os
from typing import Any

from moc_tf._artefact import read_artefact
from moc_tf.indexing.indexer import INDEXER_KIND, Indexer

_METHODS: dict[str, type[Indexer]] = {}


def register_indexer(*names: str) -> Any:
    """Class decorator: makes an `Indexer` known under method `names`."""

    def register(cls: type[Indexer]) -> type[Indexer]:
        _METHODS.update(dict.fromkeys(names, cls))
        return cls

    return register


def make_indexer(method: str, **options: Any) -> Indexer:
    """Makes an unfitted indexer.

    Args:
      method: one of `indexing_methods()`: "vq" (one codebook in the latent space of
        an autoencoder), "moc" (N parallel codebooks there), "me" (the codes of "vq",
        for N tables in the ranker), "rq_vae" (N residual levels there); "rq_kmeans",
        "rq_gmm", "pq", "opq" on the vectors themselves; "random".
      **options: fields of the method's configuration, such as `num_codebooks`,
        `codebook_size` and `seed`; see its class, such as `AutoencoderConfig`.

    Returns:
      An `Indexer`: call `fit`, then `encode`.

    Raises:
      ValueError: if the method or an option is unknown, or a value out of range.
    """
    return _class_of(method)(method, **options)


def indexing_methods() -> list[str]:
    """Names of all methods that `make_indexer` knows."""
    return sorted(_METHODS)


def method_options(method: str) -> set[str]:
    """Names of the options that `make_indexer(method, ...)` takes."""
    return {field.name for field in dataclasses.fields(_class_of(method).config_class)}


def _class_of(method: str) -> type[Indexer]:
    if method not in _METHODS:
        raise ValueError(
            f"The indexing method must be one of {indexing_methods()}. "
            f"Received: {method!r}."
        )
    return _METHODS[method]


def load_indexer(path: str | os.PathLike) -> Indexer:
    """Loads what `Indexer.save` wrote, after verifying its checksums.

    Raises:
      ArtefactError: if there is none at `path`, or it is incomplete or altered.
    """
    arrays, manifest = read_artefact(path, INDEXER_KIND)
    indexer = make_indexer(manifest["method"], **manifest["configuration"])
    indexer._restore(arrays, manifest)
    return indexer
