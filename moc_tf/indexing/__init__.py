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
from moc_tf.indexing.faiss_indexers import (
    OptimizedProductConfig,
    OptimizedProductIndexer,
    ProductConfig,
    ProductIndexer,
    ResidualKMeansConfig,
    ResidualKMeansIndexer,
)
from moc_tf.indexing.gmm_indexer import ResidualMixtureConfig, ResidualMixtureIndexer
from moc_tf.indexing.graph_encoder import GraphEncoder
from moc_tf.indexing.indexer import Indexer, NotFittedError
from moc_tf.indexing.methods import (
    indexing_methods,
    load_indexer,
    make_indexer,
    method_options,
    register_indexer,
)
from moc_tf.indexing.nearest_codes import nearest_codes
from moc_tf.indexing.parallel_quantizer import ParallelQuantizer
from moc_tf.indexing.quality import CodeQuality
from moc_tf.indexing.quantizer import Quantization
from moc_tf.indexing.random_indexer import RandomConfig, RandomIndexer
from moc_tf.indexing.residual_quantizer import ResidualQuantizer

__all__ = [
    "AutoencoderConfig",
    "AutoencoderIndexer",
    "CodeAutoencoder",
    "CodeQuality",
    "CodebookCollapseError",
    "CodebookHealth",
    "DivergedError",
    "GraphEncoder",
    "Indexer",
    "NotFittedError",
    "OptimizedProductConfig",
    "OptimizedProductIndexer",
    "ParallelQuantizer",
    "ProductConfig",
    "ProductIndexer",
    "Quantization",
    "RandomConfig",
    "RandomIndexer",
    "ResidualKMeansConfig",
    "ResidualKMeansIndexer",
    "ResidualMixtureConfig",
    "ResidualMixtureIndexer",
    "ResidualQuantizer",
    "index_items",
    "indexing_methods",
    "load_indexer",
    "make_indexer",
    "method_options",
    "nearest_codes",
    "perplexity",
    "register_indexer",
]
