"""Stage 1: item vectors to codes."""

from moc_tf.code_statistics import perplexity
from moc_tf.indexing.autoencoder import CodeAutoencoder
from moc_tf.indexing.autoencoder_indexer import AutoencoderIndexer
from moc_tf.indexing.catalogue_codes import index_items
from moc_tf.indexing.codebook_health import (
    CodebookCollapseError,
    CodebookHealth,
    DivergedError,
)
from moc_tf.indexing.configuration import AutoencoderConfig
from moc_tf.indexing.indexer import (
    Indexer,
    NotFittedError,
    indexing_methods,
    load_indexer,
    make_indexer,
    method_options,
)
from moc_tf.indexing.nearest_codes import nearest_codes
from moc_tf.indexing.parallel_quantizer import ParallelQuantizer
from moc_tf.indexing.quality import CodeQuality
from moc_tf.indexing.quantizer import Quantization
from moc_tf.indexing.residual_quantizer import ResidualQuantizer

__all__ = [
    "AutoencoderConfig",
    "AutoencoderIndexer",
    "CodeAutoencoder",
    "CodeQuality",
    "CodebookCollapseError",
    "CodebookHealth",
    "DivergedError",
    "Indexer",
    "NotFittedError",
    "ParallelQuantizer",
    "Quantization",
    "ResidualQuantizer",
    "index_items",
    "indexing_methods",
    "load_indexer",
    "make_indexer",
    "method_options",
    "nearest_codes",
    "perplexity",
]
