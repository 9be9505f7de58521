"""From the results of single runs to a table over seeds."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from moc_tf.evaluation.statistics import (
    Interval,
    PairedDifference,
    mean_interval,
    paired_difference,
)
from moc_tf.evaluation.text_table import MISSING, format_table, is_missing

# A result and its baseline have these in common; they may differ in the others.
_SETTING = ("suite", "dataset", "protocol", "model", "split")
_CONFIGURATION = (*_SETTING, "method", "num_codes", "fusion", "variant")
_QUALITY = (
    *("auc", "auc_new_items", "auc_tail_items", "auc_middle_items", "auc_head_items"),
    *("auc_new_users", "auc_light_users", "auc_heavy_users"),
    *("logloss", "normalized_entropy", "gauc", "gauc_unweighted"),
    *("calibration", "calibration_error"),
)
# Which are no matter of better or worse, and which rows of an older version may lack.
COSTS = ("num_parameters", "num_epochs", "train_seconds")
_METRICS = (*_QUALITY, "information_abundance", *COSTS)


@dataclasses.dataclass(frozen=True)
class Summary:
    """The runs of one configuration over its seeds.

    Attributes:
      group: what the runs have in common, such as {"method": "moc", "num_codes": 7}.
      seeds: their seeds, ascending.
      metrics: 95 % interval of the mean of each metric that the runs have.
      baseline: name of the method that `differences` are to.
      differences: of the metrics of quality to the baseline, paired by seed; empty for
        the baseline and where no run of it shares a seed.
    """

    group: Mapping[str, Any]
    seeds: tuple[int, ...]
    metrics: Mapping[str, Interval]
    baseline: str
    differences: Mapping[str, PairedDifference]


def summarise(
    results: Iterable[Mapping[str, Any]],
    by: Sequence[str] = _CONFIGURATION,
    baseline: str = "none",
) -> list[Summary]:
    """Groups results over their seeds.

    A metric that is None, NaN or absent in every run of a group is left out of it; a
    cost, such as "num_epochs", if it is so in any.

    Args:
      results: one flat mapping a run, as a results file has them.
      by: keys that tell configurations apart, "method" among them.
      baseline: the method to compare with, within the same suite, dataset, protocol,
        model and split, as far as `by` has these.

    Returns:
      One summary a group, in the order in which the groups first occur.

    Raises:
      ValueError: if a key is missing, a group has one seed twice, a metric other
        than a cost lacks in some of its runs only, or paired runs are of different
        data.
    """
    if "method" not in by:
        raise ValueError(f"by must contain 'method'. Received: {tuple(by)}.")
    groups: dict[tuple, dict[int, Mapping[str, Any]]] = collections.defaultdict(dict)
    for result in results:
        absent = [key for key in (*by, "seed") if key not in result]
        if absent:
            raise ValueError(
                f"Each result must have {[*by, 'seed']}. Received: one without "
                f"{absent}, of keys {sorted(result)}."
            )
        runs = groups[tuple(result[key] for key in by)]
        if result["seed"] in runs:
            raise ValueError(
                f"Each configuration must have one result a seed. Received: two of "
                f"seed {result['seed']} for {_describe(result, by)}. Drop the repeated "
                "run, or add to `by` the key in which they differ."
            )
        runs[result["seed"]] = result

    setting = [key for key in by if key in _SETTING]
    baselines: dict[tuple, dict[int, Mapping[str, Any]]] = {}
    for runs in groups.values():
        first = next(iter(runs.values()))
        if first["method"] == baseline:
            where = tuple(first[key] for key in setting)
            if where in baselines:
                raise ValueError(
                    f"The baseline {baseline!r} must have one configuration in each "
                    f"setting. Received: a second, {_describe(first, by)}."
                )
            baselines[where] = runs

    summaries = []
    for values, runs in groups.items():
        group = dict(zip(by, values, strict=True))
        to_compare = baselines.get(tuple(group[key] for key in setting), {})
        summaries.append(
            Summary(
                group=group,
                seeds=tuple(sorted(runs)),
                metrics={
                    metric: mean_interval(column)
                    for metric in _METRICS
                    if (column := _column(list(runs.values()), metric, by))
                },
                baseline=baseline,
                differences={}
                if runs is to_compare
                else _differences(runs, to_compare, by),
            )
        )
    return summaries


def results_table(
    summaries: Sequence[Summary], style: Literal["plain", "markdown"] = "plain"
) -> str:
    """The table of a comparison: one line a configuration.

    Numbers after "±" are half of the 95 % interval; "n.s." marks a difference whose
    interval includes 0. Keys other than method and number of codes become columns
    only where lines could not be told apart without them, the variant wherever a line
    has one.

    Args:
      summaries: what `summarise` returned.
      style: as `format_table` has it.

    Raises:
      ValueError: if there is no summary, or `style` is another one.
    """
    if not summaries:
        raise ValueError("A table needs at least one summary. Received: none.")
    alike = collections.defaultdict(list)
    for summary in summaries:
        identity = (summary.group["method"], summary.group.get("num_codes"))
        alike[identity].append(summary.group)
    extra = [
        key
        for key in summaries[0].group
        if any(len({group[key] for group in groups}) > 1 for groups in alike.values())
        or (key == "variant" and any(summary.group[key] for summary in summaries))
    ]
    rows = []
    for summary in summaries:
        row = {key: str(summary.group[key]) or MISSING for key in extra}
        row["method"] = str(summary.group["method"])
        row["codes"] = str(summary.group.get("num_codes", MISSING))
        row["AUC"] = _with_interval(summary, "auc")
        row[f"Δ AUC vs {summary.baseline}"] = _difference(summary, "auc")
        row["AUC new items"] = _with_interval(summary, "auc_new_items")
        row["log loss"] = _with_interval(summary, "logloss")
        row["parameters"] = _mean(summary, "num_parameters", ",.0f")
        row["seconds"] = _mean(summary, "train_seconds", ".1f")
        rows.append(row)
    return format_table(rows, list(rows[0]), style)


def _column(
    runs: Sequence[Mapping[str, Any]], metric: str, by: Sequence[str]
) -> list[float]:
    """The metric of each run; empty if no run has it, or not all, of a cost."""
    present = [run[metric] for run in runs if not is_missing(run.get(metric))]
    if metric in COSTS and len(present) < len(runs):
        return []
    if present and len(present) < len(runs):
        lacking = [run["seed"] for run in runs if is_missing(run.get(metric))]
        raise ValueError(
            f"{metric} must be in all runs of a configuration or in none. Received: "
            f"{len(present)} of {len(runs)} runs for {_describe(runs[0], by)}, not "
            f"those of seeds {sorted(lacking)}. Run these again, or remove {metric!r} "
            "from the others."
        )
    return present


def _differences(
    runs: Mapping[int, Mapping[str, Any]],
    baseline_runs: Mapping[int, Mapping[str, Any]],
    by: Sequence[str],
) -> dict[str, PairedDifference]:
    """Differences of the runs to the baseline's of the same seeds, by metric."""
    pairs = [
        (runs[seed], baseline_runs[seed]) for seed in runs if seed in baseline_runs
    ]
    for run, other in pairs:
        if run.get("data_sha256") != other.get("data_sha256"):
            raise ValueError(
                f"Runs must be of the same data to be compared. Received: different "
                f"data_sha256 at seed {run['seed']} for {_describe(run, by)} and its "
                f"baseline {other['method']!r}."
            )
    differences = {}
    for metric in _QUALITY:
        ours = _column([run for run, _ in pairs], metric, by)
        theirs = _column([other for _, other in pairs], metric, by)
        if ours and theirs:
            differences[metric] = paired_difference(ours, theirs)
    return differences


def _with_interval(summary: Summary, metric: str) -> str:
    if metric not in summary.metrics:
        return MISSING
    interval = summary.metrics[metric]
    return f"{interval.mean:.4f}" + _plus_minus(interval)


def _difference(summary: Summary, metric: str) -> str:
    if metric not in summary.differences:
        return MISSING
    difference = summary.differences[metric]
    mark = " n.s." if difference.verdict == "n.s." else ""
    return f"{difference.mean:+.4f}" + _plus_minus(difference) + mark


def _plus_minus(interval: Interval) -> str:
    return "" if interval.n == 1 else f" ± {interval.half_width:.4f}"


def _mean(summary: Summary, metric: str, spec: str) -> str:
    interval = summary.metrics.get(metric)
    return MISSING if interval is None else format(interval.mean, spec)


def _describe(result: Mapping[str, Any], by: Sequence[str]) -> str:
    return ", ".join(f"{key}={result[key]!r}" for key in by)
