"""Runs: directories, seeds, early stopping, strategies, and comparisons of methods."""

from moc_tf.ranking.precision import built_in
from moc_tf.training.code_figures import CodeFigures
from moc_tf.training.code_suite import CodeBlock, CodeOutcome, CodeRun, CodeSuite
from moc_tf.training.comparison import Comparison, Progress
from moc_tf.training.distribution import DistributionError, make_strategy, writes
from moc_tf.training.early_stopping import EarlyStoppingOnAUC
from moc_tf.training.environment import describe_environment, package_versions
from moc_tf.training.export import Export, ExportError, export_ranker, export_run
from moc_tf.training.local_cluster import WorkerError, run_local_workers
from moc_tf.training.methods import Method, methods_named, with_variant
from moc_tf.training.part_evaluation import evaluate_part
from moc_tf.training.predictions import Predictions
from moc_tf.training.ranker_config import RankerConfig
from moc_tf.training.ranker_trainer import RankerTrainer, TrainedRanker
from moc_tf.training.run_directory import RunDirectory
from moc_tf.training.suite import Suite
from moc_tf.training.suite_runs import Block, Outcome, Run

__all__ = [
    "Block",
    "CodeBlock",
    "CodeFigures",
    "CodeOutcome",
    "CodeRun",
    "CodeSuite",
    "Comparison",
    "DistributionError",
    "EarlyStoppingOnAUC",
    "Export",
    "ExportError",
    "Method",
    "Outcome",
    "Predictions",
    "Progress",
    "RankerConfig",
    "RankerTrainer",
    "Run",
    "RunDirectory",
    "Suite",
    "TrainedRanker",
    "WorkerError",
    "built_in",
    "describe_environment",
    "evaluate_part",
    "export_ranker",
    "export_run",
    "make_strategy",
    "methods_named",
    "package_versions",
    "run_local_workers",
    "with_variant",
    "writes",
]
