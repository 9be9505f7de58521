"""Where differences come from: rankers, data sets, or some rows of the test part."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from experiments.claims import Claim
from experiments.reporting.claim_tests import differences_of, mean_difference
from experiments.reporting.entries import Entry, mean_text
from experiments.reporting.grid import Setting, cell_of
from experiments.reporting.rows import Row
from experiments.reporting.tables import Table
from moc_tf.evaluation import ITEM_GROUPS, USER_GROUPS

# Groups of the test rows, by the metric that a row of results has of each.
GROUPS: Mapping[str, str] = {
    "auc": "all",
    **{f"auc_{name}_items": f"{name} items" for name in ITEM_GROUPS},
    **{f"auc_{name}_users": f"{name} users" for name in USER_GROUPS},
}


class _Part(NamedTuple):
    """What a column is of.

    Attributes:
      title: for people.
      metric: of the rows.
      place: data set and ranker of the rows; what is None may be any.
    """

    title: str
    metric: str = "auc"
    place: tuple[Setting | None, str | None] = (None, None)

    def has(self, row: Row) -> bool:
        setting, model = self.place
        cell = cell_of(row)
        return setting in (None, cell.setting) and model in (None, cell.model)


def breakdown_tables(
    claims: Sequence[Claim], rows: Mapping[str, Sequence[Row]], anchor: str
) -> list[Table]:
    """The differences of claims on AUC, taken apart.

    Protocols ask different things of a ranker, and differences of one may be ten times
    those of another: only the table by data set has them side by side.

    Args:
      claims: what is taken apart, as far as it is measured.
      rows: of results, by suite.
      anchor: what the anchors of the tables begin with.

    Returns:
      A table by data set, then of each protocol one by ranker and one by group of test
      rows; none if nothing is measured.
    """
    every = [row for suite in {c.suite for c in claims} for row in rows.get(suite, ())]
    settings = sorted({cell_of(row).setting for row in every})
    tables = [
        _table(
            "By data set, mean over rankers",
            f"{anchor}-data",
            claims,
            rows,
            [_Part(setting.label, place=(setting, None)) for setting in settings],
        )
    ]
    for protocol in sorted({setting.protocol for setting in settings}):
        of_protocol = {
            suite: [row for row in found if row["protocol"] == protocol]
            for suite, found in rows.items()
        }
        models = sorted({row["model"] for row in every if row["protocol"] == protocol})
        tables += [
            _table(
                f"By ranker, mean over data sets, {protocol}",
                f"{anchor}-ranker-{protocol}",
                claims,
                of_protocol,
                [_Part("all", place=(None, None))]
                + [_Part(model, place=(None, model)) for model in models],
            ),
            _table(
                f"By group of test rows, mean over data sets and rankers, {protocol}",
                f"{anchor}-group-{protocol}",
                claims,
                of_protocol,
                [_Part(title, metric) for metric, title in GROUPS.items()],
            ),
        ]
    return [table for table in tables if table.rows]


def _table(
    title: str,
    anchor: str,
    claims: Sequence[Claim],
    rows: Mapping[str, Sequence[Row]],
    parts: Sequence[_Part],
) -> Table:
    """A line a claim on AUC that is measured, a column a part."""
    measured = [
        claim
        for claim in claims
        if claim.metric == "auc" and differences_of(claim, rows.get(claim.suite, ()))
    ]
    return Table(
        title,
        anchor,
        ["difference in AUC", "suite", *(part.title for part in parts)],
        [_line(claim, rows[claim.suite], parts) for claim in measured],
        2,
    )


def _line(claim: Claim, rows: Sequence[Row], parts: Sequence[_Part]) -> list[Entry]:
    found = [
        mean_difference(
            differences_of(
                dataclasses.replace(claim, metric=part.metric),
                [row for row in rows if part.has(row)],
            )
        )
        for part in parts
    ]
    texts = [claim.formula, claim.suite, *(mean_text(each, "+.4f") for each in found)]
    return [Entry(text) for text in texts]
