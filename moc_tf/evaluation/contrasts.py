"""Each configuration against what it has to beat, corrected for how often that is."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moc_tf.evaluation.holm import holm_adjusted
from moc_tf.evaluation.statistics import PairedDifference, paired_difference
from moc_tf.evaluation.tables import COSTS, Summary, summarise

REFERENCES = ("none", "vq", "me")
_SETTING = ("dataset", "protocol", "split", "model")
_CONFIGURATION = (*_SETTING, "method", "num_codes", "fusion", "variant")
_TESTED = "auc"


@dataclasses.dataclass(frozen=True)
class Contrast:
    """A configuration against a reference.

    Attributes:
      reference: the group of the configuration compared with, as in `Summary.group`.
      differences: configuration less reference, paired by seed, of each metric of
        quality that both have.
      adjusted_p_value: that of the difference in AUC, adjusted by Holm's method for
        all such differences of its family; NaN where there is but one pair.
    """

    reference: Mapping[str, Any]
    differences: Mapping[str, PairedDifference]
    adjusted_p_value: float

    @property
    def verdict(self) -> str:
        """What the adjusted p-value says of the difference in AUC at 5 %.

        "higher", "lower", "n.s.", or "untested" where there is but one pair.
        """
        if math.isnan(self.adjusted_p_value):
            return "untested"
        if self.adjusted_p_value >= 0.05:
            return "n.s."
        return "higher" if self.differences[_TESTED].mean > 0 else "lower"


@dataclasses.dataclass(frozen=True)
class ContrastedSummary:
    """A configuration and how it compares.

    Attributes:
      summary: its runs over seeds.
      contrasts: by the name of the reference, those of `REFERENCES` that there are.
    """

    summary: Summary
    contrasts: Mapping[str, Contrast]


def contrast(
    results: Iterable[Mapping[str, Any]], family: Sequence[str] = ("model",)
) -> list[ContrastedSummary]:
    """Groups results over their seeds and compares each group with the references.

    The references are "none", "vq" and "me" without a variant, of the same data set,
    protocol, split and model. "me" must have the same number of codes and the same
    fusion; "none" and "vq" have one number, and their fusion does not matter unless
    there are several. A reference is compared with those before it alone, so that no
    comparison is made twice.

    Args:
      results: one flat mapping a run, as a results file has them.
      family: the keys by which tests belong together: Holm's correction is over all
        differences in AUC of results that agree in them.

    Returns:
      One a group, in the order in which the groups first occur.

    Raises:
      ValueError: as `summarise`, or if results of one setting are of different data,
        or `family` names another key.
    """
    if unknown := set(family) - set(_CONFIGURATION):
        raise ValueError(
            f"family must be among {list(_CONFIGURATION)}. Received: {sorted(unknown)}."
        )
    results = list(results)
    summaries = summarise(results, by=_CONFIGURATION)
    runs: dict[tuple, dict[int, Mapping[str, Any]]] = {}
    for result in results:
        key = tuple(result[name] for name in _CONFIGURATION)
        runs.setdefault(key, {})[result["seed"]] = result
    _check_data(runs.values())

    by_setting: dict[tuple, list[Summary]] = {}
    for summary in summaries:
        by_setting.setdefault(_values(summary, _SETTING), []).append(summary)
    found: list[tuple[Summary, str, Summary, dict[str, PairedDifference]]] = []
    for summary in summaries:
        for name in _compared_with(summary.group):
            reference = _reference(
                summary.group, name, by_setting[_values(summary, _SETTING)]
            )
            if reference is None:
                continue
            differences = _differences(summary, reference, runs)
            if _TESTED in differences:
                found.append((summary, name, reference, differences))

    families: dict[tuple, list[int]] = {}
    for place, (summary, *_) in enumerate(found):
        families.setdefault(_values(summary, family), []).append(place)
    adjusted = [math.nan] * len(found)
    for places in families.values():
        p_values = [found[place][-1][_TESTED].p_value for place in places]
        for place, value in zip(places, holm_adjusted(p_values), strict=True):
            adjusted[place] = float(value)

    contrasts: dict[tuple, dict[str, Contrast]] = {}
    for (summary, name, reference, differences), p in zip(found, adjusted, strict=True):
        contrasts.setdefault(_values(summary, _CONFIGURATION), {})[name] = Contrast(
            reference.group, differences, p
        )
    return [
        ContrastedSummary(s, contrasts.get(_values(s, _CONFIGURATION), {}))
        for s in summaries
    ]


def _values(summary: Summary, keys: Sequence[str]) -> tuple:
    return tuple(summary.group[key] for key in keys)


def _compared_with(group: Mapping[str, Any]) -> Sequence[str]:
    if group["method"] not in REFERENCES:
        return REFERENCES
    place = REFERENCES.index(group["method"])
    # A variant of a reference is none itself.
    return REFERENCES[: place + 1 if group["variant"] else place]


def _reference(
    group: Mapping[str, Any], name: str, summaries: Sequence[Summary]
) -> Summary | None:
    """The reference of that name for `group`, among all of its setting."""
    candidates = [
        summary
        for summary in summaries
        if summary.group["method"] == name and not summary.group["variant"]
    ]
    fused_alike = [s for s in candidates if s.group["fusion"] == group["fusion"]]
    if name == "me":
        at_scale = (
            s for s in fused_alike if s.group["num_codes"] == group["num_codes"]
        )
        return next(at_scale, None)
    # Of "none" and "vq" there is one number of codes.
    found = fused_alike or candidates
    return found[0] if len(found) == 1 else None


def _differences(
    summary: Summary, reference: Summary, runs: Mapping[tuple, Mapping[int, Any]]
) -> dict[str, PairedDifference]:
    ours = runs[_values(summary, _CONFIGURATION)]
    theirs = runs[_values(reference, _CONFIGURATION)]
    shared = sorted(set(ours) & set(theirs))
    if not shared:
        return {}
    return {
        metric: paired_difference(
            [ours[seed][metric] for seed in shared],
            [theirs[seed][metric] for seed in shared],
        )
        for metric in summary.metrics
        if metric in reference.metrics and metric not in COSTS
    }


def _check_data(groups: Iterable[Mapping[int, Mapping[str, Any]]]) -> None:
    seen: dict[tuple, Any] = {}
    for group in groups:
        for result in group.values():
            setting = tuple(result[key] for key in _SETTING)
            digest = result.get("data_sha256")
            if seen.setdefault(setting, digest) != digest:
                described = ", ".join(f"{key}={result[key]!r}" for key in _SETTING)
                raise ValueError(
                    "Runs must be of the same data to be compared. Received: "
                    f"different data_sha256 for {described}, at method "
                    f"{result['method']!r}, seed {result['seed']}. Run again what is "
                    "of older data."
                )
