"""Stage 1: item vectors to codes."""

from moc_tf.indexing.autoencoder import CodeAutoencoder
from moc_tf.indexing.autoencoder_indexer import AutoencoderIndexer
from moc_tf.indexing.catalogue_codes import index_items
from moc_tf.indexing.configuration import AutoencoderConfig
from moc_tf.indexing.indexer import Indexer, NotFittedError, load_indexer, make_indexer
from moc_tf.indexing.parallel_quantizer import (
    ParallelQuantizer,
    Quantization,
    nearest_codes,
)
from moc_tf.indexing.quality import CodeQuality, perplexity

__all__ = [
    "AutoencoderConfig",
    "AutoencoderIndexer",
    "CodeAutoencoder",
    "CodeQuality",
    "Indexer",
    "NotFittedError",
    "ParallelQuantizer",
    "Quantization",
    "index_items",
    "load_indexer",
    "make_indexer",
    "nearest_codes",
    "perplexity",
]
