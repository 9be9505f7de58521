"""The claims as a table and a picture."""

import os
from collections.abc import Sequence
from typing import Any

from experiments.reporting.claim_tests import UNMEASURED, Finding
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
    "The difference is a mean over data sets and rankers, by seed; its 95 % interval "
    "and the t tests are over seeds. p is of no difference. A claim holds where there "
    "is more; it does not where the difference is less than one that matters, in AUC "
    "0.001. Both are tested at the level of 5 %, adjusted by Holm's method over all "
    "claims tested, so that an interval alone decides nothing. "
    "An incomplete suite's verdict is of the data sets and rankers so far. "
    f"A suite is run by {suite_command('NAME', NUM_SEEDS)}."
)


def claim_table(findings: Sequence[Finding]) -> Table:
    """A row a claim."""
    return Table(
        "Claims",
        f"{NAME}-table",
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
                Entry(MISSING, command=suite_command(finding.claim.suite, NUM_SEEDS)),
            ]
            for finding in findings
        ],
    )


def claim_rows(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """The same with every figure in full, a mapping a claim."""
    return [
        {
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
    complete = sum(f.is_complete and f.verdict != UNMEASURED for f in findings)
    return f"{complete} of {len(findings)} claims are measured in full. {VERDICTS}"


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
    shown = _drawn(findings)
    with figure_file(target, 9.0, 1.0 + 0.3 * len(shown)) as figure:
        axes = figure.subplots()
        band = shown[0].claim.smallest
        axes.axvspan(-band, band, color=PALE, linewidth=0)
        axes.axvline(0, color=GREY, linewidth=0.8)
        for place, finding in enumerate(shown):
            interval = finding.difference
            assert interval is not None
            axes.errorbar(
                interval.mean,
                -place,
                xerr=interval.half_width,
                color=BLUE,
                marker="o",
                markersize=5,
                markerfacecolor=BLUE if finding.adjusted_p_value < 0.05 else "white",
                elinewidth=1.2,
                linewidth=0,
                capsize=2,
            )
        axes.set_yticks(
            [-place for place in range(len(shown))],
            [_label(finding) for finding in shown],
            fontsize=8,
        )
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel(
            "difference in AUC, 95 % interval (filled: significant after correction; "
            "band: too small to matter)",
            fontsize=9,
        )


def _drawn(findings: Sequence[Finding]) -> list[Finding]:
    return [
        finding
        for finding in findings
        if finding.claim.metric.startswith("auc") and finding.verdict != UNMEASURED
    ]


def _figures(finding: Finding) -> dict[str, Any]:
    names = {"n": "seeds", "mean": "mean", "low": "low", "high": "high", "p_value": "p"}
    return {name: getattr(finding.difference, key, None) for key, name in names.items()}


def _label(finding: Finding) -> str:
    group = finding.claim.metric.removeprefix("auc").replace("_", " ").strip()
    return finding.claim.formula + (f", {group}" if group else "")


def _spec(finding: Finding) -> str:
    return "+.4f" if finding.claim.metric.startswith("auc") else "+.2f"


def _higher_text(finding: Finding) -> str:
    if finding.difference is None:
        return MISSING
    return f"{finding.num_higher} of {finding.num_places}"


def _p_text(finding: Finding) -> str:
    if finding.verdict == UNMEASURED or finding.difference is None:
        return MISSING
    raw, adjusted = finding.difference.p_value, finding.adjusted_p_value
    return f"{p_value_text(raw)}, {p_value_text(adjusted)}"


def _verdict_text(finding: Finding) -> str:
    so_far = finding.verdict != UNMEASURED and not finding.is_complete
    return finding.verdict + (" (so far)" if so_far else "")
