"""Runs: directories, seeds, early stopping, and comparisons of methods."""

from moc_tf.training.comparison import Comparison, Method, Progress, methods_named
from moc_tf.training.early_stopping import EarlyStoppingOnAUC
from moc_tf.training.environment import describe_environment, package_versions
from moc_tf.training.export import Export, ExportError, export_ranker, export_run
from moc_tf.training.ranker_trainer import RankerConfig, RankerTrainer, TrainedRanker
from moc_tf.training.run_directory import RunDirectory

__all__ = [
    "Comparison",
    "EarlyStoppingOnAUC",
    "Export",
    "ExportError",
    "Method",
    "Progress",
    "RankerConfig",
    "RankerTrainer",
    "RunDirectory",
    "TrainedRanker",
    "describe_environment",
    "export_ranker",
    "export_run",
    "methods_named",
    "package_versions",
]
