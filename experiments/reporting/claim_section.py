"""The claims as a table and a picture."""

import os
from collections.abc import Sequence
from typing import Any

from experiments.claims import SMALLEST_GAIN, Claim
from experiments.reporting.claim_tests import Finding
from experiments.reporting.commands import suite_command
from experiments.reporting.entries import MISSING, Entry, mean_text, p_value_text
from experiments.reporting.expected import NUM_SEEDS
from experiments.reporting.tables import COMMAND, Table
from moc_tf.evaluation.figure_file import (
    BLUE,
    GREY,
    PALE,
    checked_target,
    figure_file,
)

NAME = "claims"
TITLE = "Claims: what the runs say of each"
VERDICTS = (
    "The difference is a mean over the data sets and rankers of a protocol, by seed; "
    "its 95 % interval and the t tests are over seeds. p is of no difference. A claim "
    "holds where there is more; it does not where the difference is less than one that "
    "matters, in AUC 0.001. Both are tested at the level of 5 %, adjusted by Holm's "
    "method over all claims tested, under all protocols, so that an interval alone "
    "decides nothing. "
    "An incomplete suite's verdict is of the data sets and rankers so far. "
    f"A suite is run by {suite_command('NAME', NUM_SEEDS)}."
)


def claim_tables(findings: Sequence[Finding]) -> list[Table]:
    """A table a protocol, a row a claim."""
    return [
        Table(
            f"Claims, {protocol}",
            f"{NAME}-table-{protocol}",
            [
                *("claim", "compares", "of", "metric", "suite", "measured"),
                *("difference", "higher in", "p, adjusted", "verdict", COMMAND),
            ],
            [
                [
                    Entry(finding.claim.text),
                    Entry(finding.claim.formula),
                    Entry(finding.claim.source),
                    Entry(finding.claim.metric),
                    Entry(finding.claim.suite),
                    Entry(f"{finding.num_places} of {finding.num_wanted}"),
                    Entry(mean_text(finding.difference, _spec(finding))),
                    Entry(_higher_text(finding)),
                    Entry(_p_text(finding)),
                    Entry(_verdict_text(finding)),
                    Entry(
                        MISSING, command=suite_command(finding.claim.suite, NUM_SEEDS)
                    ),
                ]
                for finding in of_protocol
            ],
        )
        for protocol, of_protocol in _by_protocol(findings).items()
    ]


def claim_rows(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """The same with every figure in full, a mapping a claim and protocol."""
    return [
        {
            "protocol": finding.protocol,
            "claim": finding.claim.text,
            "formula": finding.claim.formula,
            "source": finding.claim.source,
            "metric": finding.claim.metric,
            "suite": finding.claim.suite,
            "measured": finding.num_places,
            "wanted": finding.num_wanted,
            "higher": finding.num_higher,
            **_figures(finding),
            "adjusted_p_value": finding.adjusted_p_value,
            "adjusted_p_of_mattering": finding.adjusted_p_of_mattering,
            "verdict": finding.verdict,
        }
        for finding in findings
    ]


def claims_status(findings: Sequence[Finding]) -> str:
    """A sentence on how far the claims are measured, and how they are judged."""
    in_full = [
        f"{sum(finding.is_complete for finding in of_protocol)} of {len(of_protocol)} "
        f"under {protocol}"
        for protocol, of_protocol in _by_protocol(findings).items()
    ]
    return f"Claims measured in full: {', '.join(in_full)}. {VERDICTS}"


def can_plot(findings: Sequence[Finding]) -> bool:
    """Whether there is anything for `plot_claims` to draw."""
    return bool(_drawn(findings))


def plot_claims(findings: Sequence[Finding], path: str | os.PathLike[str]) -> None:
    """Draws the difference in AUC of each claim, with its interval.

    Points are filled where the adjusted p-value is below 0.05; the pale band is of
    differences that do not matter.

    Args:
      findings: of which those of AUC are drawn.
      path: the file, ending in .png or .svg; replaced in one step.
    """
    target = checked_target(path)
    of_protocols = _by_protocol(_drawn(findings))
    claims = list(dict.fromkeys(f.claim for f in _drawn(findings)))
    width, height = 5.0 + 4.0 * len(of_protocols), 1.4 + 0.3 * len(claims)
    with figure_file(target, width, height) as figure:
        every = figure.subplots(1, len(of_protocols), sharey=True, squeeze=False)[0]
        for axes, (protocol, shown) in zip(every, of_protocols.items(), strict=True):
            axes.axvspan(-SMALLEST_GAIN, SMALLEST_GAIN, color=PALE, linewidth=0)
            axes.axvline(0, color=GREY, linewidth=0.8)
            for finding in shown:
                interval = finding.difference
                assert interval is not None
                is_sure = finding.adjusted_p_value < 0.05
                axes.errorbar(
                    interval.mean,
                    -claims.index(finding.claim),
                    xerr=interval.half_width,
                    color=BLUE,
                    marker="o",
                    markersize=5,
                    markerfacecolor=BLUE if is_sure else "white",
                    elinewidth=1.2,
                    linewidth=0,
                    capsize=2,
                )
            axes.set_title(protocol, fontsize=10)
            axes.spines[["top", "right"]].set_visible(False)
            axes.set_xlabel("difference in AUC, 95 % interval", fontsize=9)
        every[0].set_yticks(
            [-place for place in range(len(claims))], map(_label, claims), fontsize=8
        )
        figure.suptitle(
            "filled: significant after correction; band: too small to matter",
            fontsize=9,
        )


def _by_protocol(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.protocol, []).append(finding)
    return found


def _drawn(findings: Sequence[Finding]) -> list[Finding]:
    return [
        finding
        for finding in findings
        if finding.claim.metric.startswith("auc") and finding.is_tested
    ]


def _figures(finding: Finding) -> dict[str, Any]:
    names = {"n": "seeds", "mean": "mean", "low": "low", "high": "high", "p_value": "p"}
    return {name: getattr(finding.difference, key, None) for key, name in names.items()}


def _label(claim: Claim) -> str:
    group = claim.metric.removeprefix("auc").replace("_", " ").strip()
    return claim.formula + (f", {group}" if group else "")


def _spec(finding: Finding) -> str:
    return "+.4f" if finding.claim.metric.startswith("auc") else "+.2f"


def _higher_text(finding: Finding) -> str:
    if finding.difference is None:
        return MISSING
    return f"{finding.num_higher} of {finding.num_places}"


def _p_text(finding: Finding) -> str:
    if not finding.is_tested or finding.difference is None:
        return MISSING
    raw, adjusted = finding.difference.p_value, finding.adjusted_p_value
    return f"{p_value_text(raw)}, {p_value_text(adjusted)}"


def _verdict_text(finding: Finding) -> str:
    so_far = finding.is_tested and not finding.is_complete
    return finding.verdict + (" (so far)" if so_far else "")
