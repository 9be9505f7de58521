"""Catalogue, item vectors and interactions, on their way to `tf.data`."""

from moc_tf.data.amazon_files import load_amazon
from moc_tf.data.dense_features import NumericFeature, VectorFeature
from moc_tf.data.interaction_files import read_interactions
from moc_tf.data.interactions import Catalogue, Interactions
from moc_tf.data.item_embedding import embed_items
from moc_tf.data.item_files import read_items
from moc_tf.data.item_texts import TextTemplate, item_texts
from moc_tf.data.pipeline import make_batches
from moc_tf.data.planted import PlantedBenchmark, PlantedConfig, make_planted
from moc_tf.data.protocols import label_parts
from moc_tf.data.ranking_data import RankingData, RankingPart, prepare_ranking_data
from moc_tf.data.record_files import DataFileError
from moc_tf.data.schema import (
    CategoricalFeature,
    CodeFeature,
    IdTablesFeature,
    MultiValuedFeature,
    Schema,
)
from moc_tf.data.sentence_encoder import SentenceEncoder
from moc_tf.data.serving_data import ServingData
from moc_tf.data.splits import TimeSplit, split_by_time
from moc_tf.data.text_embedding import EmbeddingProgress, TextEncoder, embed_texts
from moc_tf.data.unknown_values import hide_values
from moc_tf.data.vectors import ItemVectors, load_item_vectors
from moc_tf.data.vocabulary import Vocabulary

__all__ = [
    "Catalogue",
    "CategoricalFeature",
    "CodeFeature",
    "DataFileError",
    "EmbeddingProgress",
    "IdTablesFeature",
    "Interactions",
    "ItemVectors",
    "MultiValuedFeature",
    "NumericFeature",
    "PlantedBenchmark",
    "PlantedConfig",
    "RankingData",
    "RankingPart",
    "Schema",
    "SentenceEncoder",
    "ServingData",
    "TextEncoder",
    "TextTemplate",
    "TimeSplit",
    "VectorFeature",
    "Vocabulary",
    "embed_items",
    "embed_texts",
    "hide_values",
    "item_texts",
    "label_parts",
    "load_amazon",
    "load_item_vectors",
    "make_batches",
    "make_planted",
    "prepare_ranking_data",
    "read_interactions",
    "read_items",
    "split_by_time",
]
