"""Stage 2: features and codes -> click.

The layers (`SemanticIdEmbedding`, `SelfGatingFusion`, `CodeLookup`, ...) work in any
Keras or TensorFlow Recommenders model; `make_ranker` builds whole models of them.
"""

from moc_tf.ranking import fusion, interactions
from moc_tf.ranking.autoint_plus import AutoIntPlus
from moc_tf.ranking.bag_embedding import BagEmbedding
from moc_tf.ranking.bottleneck_fusions import (
    ConcatMLPFusion,
    ResidualFusion,
    SelfGatingFusion,
)
from moc_tf.ranking.code_lookup import CodeLookup
from moc_tf.ranking.code_ngrams import NGramCodeEmbedding
from moc_tf.ranking.code_start import start_from_codebooks
from moc_tf.ranking.cross_attention_fusion import CrossAttentionFusion
from moc_tf.ranking.dcn_v2 import DCNv2
from moc_tf.ranking.deepfm import DeepFM
from moc_tf.ranking.dlrm import DLRM
from moc_tf.ranking.embeddings import FieldEmbeddings, SemanticIdEmbedding
from moc_tf.ranking.fmfm import FmFM
from moc_tf.ranking.ipnn import IPNN
from moc_tf.ranking.numeric_embedding import NumericEmbedding
from moc_tf.ranking.optimizers import LazyAdam, SparseAdagrad, make_optimizer
from moc_tf.ranking.ranker import Ranker, make_ranker
from moc_tf.ranking.schema_embeddings import SchemaEmbeddings
from moc_tf.ranking.vector_adaptor import VectorAdaptor
from moc_tf.ranking.xdeepfm import XDeepFM

__all__ = [
    "DLRM",
    "IPNN",
    "AutoIntPlus",
    "BagEmbedding",
    "CodeLookup",
    "ConcatMLPFusion",
    "CrossAttentionFusion",
    "DCNv2",
    "DeepFM",
    "FieldEmbeddings",
    "FmFM",
    "LazyAdam",
    "NGramCodeEmbedding",
    "NumericEmbedding",
    "Ranker",
    "ResidualFusion",
    "SchemaEmbeddings",
    "SelfGatingFusion",
    "SemanticIdEmbedding",
    "SparseAdagrad",
    "VectorAdaptor",
    "XDeepFM",
    "fusion",
    "interactions",
    "make_optimizer",
    "make_ranker",
    "start_from_codebooks",
]
