"""From predicted clicks to numbers that can be believed, tables and plots."""

from moc_tf.evaluation.code_plots import plot_code_usage, plot_nmi
from moc_tf.evaluation.metrics import (
    ClickEvaluation,
    ClickMetrics,
    auc,
    evaluate_clicks,
    grouped_auc,
    log_loss_from_logits,
)
from moc_tf.evaluation.plots import plot_auc_by_codes
from moc_tf.evaluation.statistics import (
    Interval,
    PairedDifference,
    mean_interval,
    paired_difference,
)
from moc_tf.evaluation.tables import (
    Summary,
    format_table,
    results_table,
    summarise,
)

__all__ = [
    "ClickEvaluation",
    "ClickMetrics",
    "Interval",
    "PairedDifference",
    "Summary",
    "auc",
    "evaluate_clicks",
    "format_table",
    "grouped_auc",
    "log_loss_from_logits",
    "mean_interval",
    "paired_difference",
    "plot_auc_by_codes",
    "plot_code_usage",
    "plot_nmi",
    "results_table",
    "summarise",
]
