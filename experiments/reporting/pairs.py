"""Any pair of configurations compared, as a table for a terminal."""

from collections.abc import Sequence

from experiments.claims import OURS, Claim, Side
from experiments.reporting.claim_tests import (
    differences_of,
    every_difference_of,
    mean_difference,
)
from experiments.reporting.rows import Row, is_of_ranker
from moc_tf.evaluation import PairedDifference, format_table, paired_difference


class PairError(ValueError):
    """What was asked for is not in the rows."""


def side_named(text: str) -> Side:
    """The configuration that a person writes as "moc-7", "moc-7-diverse:none".

    Raises:
      PairError: if it is none.
    """
    name, _, fusion = text.partition(":")
    method, *rest = name.split("-", 2)
    number, variant = [*rest, "", ""][:2]
    if (number and not number.isdigit()) or bool(number) == (method == "none"):
        raise PairError(
            "A configuration must be none, or a method and its number of codes, such "
            f"as moc-7, moc-7-diverse or moc-7:concat_mlp. Received: {text!r}."
        )
    return Side(method, int(number or 0), variant, fusion or "self_gating")


def difference_table(
    rows: Sequence[Row],
    one: str,
    other: str,
    metric: str = "auc",
    datasets: Sequence[str] = (),
    models: Sequence[str] = (),
) -> str:
    """The difference of a metric, paired by seed, by data set and ranker and in all.

    Args:
      rows: of results, of a suite.
      one: a configuration; see `side_named`.
      other: what it is compared with.
      metric: a key of the rows.
      datasets: "<data set>:<protocol>" each; none: all of the rows.
      models: rankers; none: all of the rows.

    Returns:
      Text. Its means are over data sets and rankers with the same seeds; others are
      named below.

    Raises:
      PairError: if a configuration, data set or ranker is not in the rows, or no data
        set and ranker has both configurations with this metric; if the rows are not of
        rankers, do not fit together, or the metric is no number.
    """
    if not all(map(is_of_ranker, rows)):
        raise PairError(
            "The rows must be of rankers, as those of table1 are. Received: others; "
            "see the suite's report.md."
        )
    _check("--datasets", datasets, [f"{r['dataset']}:{r['protocol']}" for r in rows])
    _check("--models", models, [row["model"] for row in rows])
    chosen = [
        row
        for row in rows
        if (not datasets or f"{row['dataset']}:{row['protocol']}" in datasets)
        and (not models or row["model"] in models)
    ]
    claim = Claim("", OURS, "", side_named(one), side_named(other), metric=metric)
    try:
        found = every_difference_of(claim, chosen)
    except ValueError as error:
        raise PairError(str(error)) from error
    if not found:
        raise PairError(
            f"No data set and ranker has {metric!r} of {one!r} and of {other!r} in the "
            f"test part. There are {_configurations(chosen)}."
        )
    lines = [
        {
            "data set": setting.label,
            "ranker": model,
            **_told(paired_difference(list(of.values()), [0.0] * len(of))),
        }
        for (setting, model), of in found.items()
    ]
    left_out = []
    for protocol in dict.fromkeys(setting.protocol for setting, _ in found):
        same_seeds = differences_of(
            claim, [row for row in chosen if row["protocol"] == protocol]
        )
        mean = mean_difference(same_seeds)
        assert mean is not None
        lines.append({"data set": f"mean, {protocol}", "ranker": "", **_told(mean)})
        left_out += [
            f"{model} on {setting.label}"
            for setting, model in found
            if setting.protocol == protocol and (setting, model) not in same_seeds
        ]
    text = f"{metric}: {claim.formula}\n\n{format_table(lines, list(lines[0]))}"
    if left_out:
        text += f"\n\nNot in the means, for lack of their seeds: {'; '.join(left_out)}."
    return text


def _told(difference: PairedDifference) -> dict[str, str]:
    alone = difference.n == 1
    small = difference.p_value < 0.001
    return {
        "seeds": str(difference.n),
        "difference": f"{difference.mean:+.4f}",
        "± 95 %": "-" if alone else f"{difference.half_width:.4f}",
        "p": "-" if alone else "<.001" if small else f"{difference.p_value:.3f}",
    }


def _check(flag: str, values: Sequence[str], known: Sequence[str]) -> None:
    unknown = [value for value in values if value not in known]
    if unknown:
        raise PairError(
            f"{flag} must be among {sorted(set(known))}. Received: {unknown}."
        )


def _configurations(rows: Sequence[Row]) -> str:
    """Those of the rows, as a person writes them."""
    names = []
    for row in rows:
        parts = (row["method"], row["num_codes"], row["variant"])
        fused = row["num_codes"] and row["fusion"] != "self_gating"
        name = "-".join(str(part) for part in parts if part)
        names.append(f"{name}:{row['fusion']}" if fused else name)
    return ", ".join(dict.fromkeys(names))
