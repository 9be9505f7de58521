"""What codes are like beside what they gain: figures of codes and of rankers joined."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from experiments.claims import Claim, Side
from experiments.code_suites import method_and_variant
from experiments.reporting.claim_tests import (
    configuration_of,
    differences_of,
    mean_difference,
)
from experiments.reporting.entries import MISSING, Entry, mean_text
from experiments.reporting.grid import Setting
from experiments.reporting.rows import Row
from experiments.reporting.tables import Table, labels_of
from moc_tf.evaluation import Interval, PairedDifference, mean_interval

NAME = "gains"
TITLE = "Gains: what seven codes are like, and what a ranker gains by them"
STATUS = (
    "All ways to make seven codes whose codes have figures and that DCN V2 was trained "
    "on. The difference in AUC is to no codes, paired by seed. Below, Spearman's rank "
    "correlation of each figure with it, over the methods: what a good code is like, "
    "as far as so few methods tell."
)
NUM_CODES, MODEL = 7, "dcn_v2"
# Of codes, by name.
FIGURES: Mapping[str, str] = {
    "error": "relative error",
    "redundancy": "NMI of codebooks less chance",
    "meaning": "AMI of a code with clusters of the vectors",
    "clicks": "bits of a code on clicks, less chance",
}
_METRICS = {"auc": "Δ AUC to none", "auc_new_items": "Δ AUC, new items"}


@dataclasses.dataclass(frozen=True)
class CodeGain:
    """A way to make codes, on a data set.

    Attributes:
      setting: the data set.
      side: the method.
      figures: of its codes, over seeds, by the names of `FIGURES`, as far as it has
        them: codes that stand for no vector have no error.
      gains: differences to no codes, by metric.
    """

    setting: Setting
    side: Side
    figures: Mapping[str, Interval]
    gains: Mapping[str, PairedDifference]


def code_gains(codes: Sequence[Row], rankers: Sequence[Row]) -> list[CodeGain]:
    """Joins what is known of codes with what rankers gained by them.

    Args:
      codes: rows of suites of codes; a fit may be in several.
      rankers: rows of rankers.

    Returns:
      What is in both, the highest gain of each data set first.
    """
    fits: dict[tuple[Setting, Side], dict[int, Row]] = {}
    for row in codes:
        if row["num_codes"] == NUM_CODES:
            method, variant = method_and_variant(row["method"])
            side = Side(method, NUM_CODES, variant)
            setting = Setting(row["dataset"], row["protocol"])
            fits.setdefault((setting, side), {})[row["seed"]] = row
    found = []
    for (setting, side), by_seed in fits.items():
        here = [
            row
            for row in rankers
            if row["model"] == MODEL
            and (row["dataset"], row["protocol"]) == (setting.dataset, setting.protocol)
        ]
        gains = {
            metric: gain
            for metric in _METRICS
            if (gain := _gain(side, metric, here)) is not None
        }
        if "auc" in gains:
            found.append(CodeGain(setting, side, _figures(by_seed.values()), gains))
    return sorted(found, key=lambda each: (each.setting, -each.gains["auc"].mean))


def by_setting(gains: Sequence[CodeGain]) -> dict[Setting, list[CodeGain]]:
    """The gains of each data set."""
    settings = dict.fromkeys(each.setting for each in gains)
    return {
        setting: [each for each in gains if each.setting == setting]
        for setting in settings
    }


def rank_correlation(gains: Sequence[CodeGain], figure: str) -> float:
    """Spearman's, of a figure and the gain in AUC; NaN for fewer than three."""
    from scipy.stats import spearmanr

    having = [each for each in gains if figure in each.figures]
    figures = [each.figures[figure].mean for each in having]
    if len(having) < 3 or len(set(figures)) == 1:
        return math.nan
    return float(spearmanr(figures, [each.gains["auc"].mean for each in having])[0])


def gain_table(setting: Setting, gains: Sequence[CodeGain]) -> Table:
    """A row a method, then the rank correlations."""
    heads, labels = labels_of([configuration_of(each.side) for each in gains])
    rows = [
        [
            *map(Entry, label),
            *(Entry(mean_text(each.figures.get(name))) for name in FIGURES),
            *(Entry(mean_text(each.gains.get(metric), "+.4f")) for metric in _METRICS),
        ]
        for label, each in zip(labels, gains, strict=True)
    ]
    correlations = (rank_correlation(gains, name) for name in FIGURES)
    last = [MISSING if math.isnan(value) else f"{value:+.2f}" for value in correlations]
    blanks = [MISSING] * (len(heads) - 1)
    rows.append([*map(Entry, ("rank correlation", *blanks, *last)), Entry(MISSING)])
    rows[-1] += [Entry(MISSING)] * (len(_METRICS) - 1)
    return Table(
        f"{NUM_CODES} codes in {MODEL} on {setting.label}",
        f"{NAME}-{setting.slug}",
        [*heads, *FIGURES.values(), *_METRICS.values()],
        rows,
        len(heads),
    )


def gain_rows(gains: Sequence[CodeGain]) -> list[dict[str, Any]]:
    """Figures and gains in full, a mapping a method."""
    return [
        {
            "dataset": each.setting.dataset,
            "protocol": each.setting.protocol,
            "model": MODEL,
            **each.side._asdict(),
            **{
                f"{name}{suffix}": getattr(each.figures[name], end)
                for name in each.figures
                for end, suffix in (("mean", ""), ("low", "_low"), ("high", "_high"))
            },
            **{
                f"{metric}_less_none_{end}": getattr(each.gains[metric], end)
                for metric in each.gains
                for end in ("mean", "low", "high")
            },
        }
        for each in gains
    ]


def _gain(side: Side, metric: str, rows: Sequence[Row]) -> PairedDifference | None:
    claim = Claim("", "", "", side, Side("none", 0), metric=metric)
    return mean_difference(differences_of(claim, rows))


def _figures(rows: Iterable[Row]) -> dict[str, Interval]:
    values = [
        {
            "error": row["relative_error"],
            "redundancy": row["mean_nmi"] - row["chance_nmi"],
            "meaning": row["cluster_ami"],
            "clicks": row["extra_label_bits"],
        }
        for row in rows
    ]
    return {
        name: mean_interval([value[name] for value in values])
        for name in FIGURES
        if all(value[name] is not None for value in values)
    }
