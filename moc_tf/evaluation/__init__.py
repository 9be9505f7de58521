"""From predicted clicks to numbers that can be believed, tables and plots."""

from moc_tf.evaluation.approximate_auc import approximate_auc
from moc_tf.evaluation.calibration_plot import plot_calibration
from moc_tf.evaluation.click_evaluation import (
    ClickEvaluation,
    ClickMetrics,
    evaluate_clicks,
)
from moc_tf.evaluation.code_plots import plot_code_usage, plot_nmi
from moc_tf.evaluation.content_scores import content_scores
from moc_tf.evaluation.contrasts import (
    REFERENCES,
    Contrast,
    ContrastedSummary,
    contrast,
)
from moc_tf.evaluation.discriminability import (
    ClusterAgreement,
    LabelInformation,
    cluster_agreement,
    joint_code,
    label_information,
)
from moc_tf.evaluation.frequency import (
    ITEM_GROUPS,
    USER_GROUPS,
    frequency_thresholds,
    item_groups,
    user_groups,
)
from moc_tf.evaluation.group_auc import grouped_auc, mean_group_auc
from moc_tf.evaluation.holm import holm_adjusted
from moc_tf.evaluation.metrics import auc, log_loss_from_logits, normalized_entropy
from moc_tf.evaluation.plots import plot_auc_by_codes
from moc_tf.evaluation.redundancy_plot import plot_redundancy
from moc_tf.evaluation.reliability import (
    ReliabilityBin,
    calibration,
    calibration_error,
    reliability_table,
)
from moc_tf.evaluation.scaling_plot import ScalingPanel, plot_code_scaling
from moc_tf.evaluation.spectrum import information_abundance, singular_values
from moc_tf.evaluation.statistics import (
    Interval,
    PairedDifference,
    mean_interval,
    paired_difference,
)
from moc_tf.evaluation.streaming_clicks import StreamingClicks
from moc_tf.evaluation.tables import (
    COSTS,
    Summary,
    results_table,
    summarise,
)
from moc_tf.evaluation.text_table import format_cells, format_table
from moc_tf.evaluation.user_bootstrap import (
    BootstrapDifference,
    bootstrap_auc_difference,
)

__all__ = [
    "COSTS",
    "ITEM_GROUPS",
    "REFERENCES",
    "USER_GROUPS",
    "BootstrapDifference",
    "ClickEvaluation",
    "ClickMetrics",
    "ClusterAgreement",
    "Contrast",
    "ContrastedSummary",
    "Interval",
    "LabelInformation",
    "PairedDifference",
    "ReliabilityBin",
    "ScalingPanel",
    "StreamingClicks",
    "Summary",
    "approximate_auc",
    "auc",
    "bootstrap_auc_difference",
    "calibration",
    "calibration_error",
    "cluster_agreement",
    "content_scores",
    "contrast",
    "evaluate_clicks",
    "format_cells",
    "format_table",
    "frequency_thresholds",
    "grouped_auc",
    "holm_adjusted",
    "information_abundance",
    "item_groups",
    "joint_code",
    "label_information",
    "log_loss_from_logits",
    "mean_group_auc",
    "mean_interval",
    "normalized_entropy",
    "paired_difference",
    "plot_auc_by_codes",
    "plot_calibration",
    "plot_code_scaling",
    "plot_code_usage",
    "plot_nmi",
    "plot_redundancy",
    "reliability_table",
    "results_table",
    "singular_values",
    "summarise",
    "user_groups",
]
