"""Where differences come from: rankers, data sets, or some rows of the test part."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.claims import Claim
from experiments.reporting.claim_tests import differences_of, mean_difference
from experiments.reporting.entries import MISSING, Entry, mean_text
from experiments.reporting.grid import Configuration, Setting, cell_of
from experiments.reporting.rows import Row
from experiments.reporting.tables import Table

# Groups of the test rows, by the metric that a row of results has of each.
GROUPS: Mapping[str, str] = {
    "auc": "all",
    "auc_new_items": "new items",
    "auc_tail_items": "tail items",
    "auc_middle_items": "middle items",
    "auc_head_items": "head items",
    "auc_new_users": "new users",
    "auc_light_users": "light users",
    "auc_heavy_users": "heavy users",
}
_NO_CODES = Configuration("none", 0, "none", "")
_Runs = Mapping[int, Row]  # of a cell, by seed


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
    """The differences of claims on AUC, taken apart; and how far seeds spread.

    Args:
      claims: what is taken apart, as far as it is measured.
      rows: of results, by suite.
      anchor: what the anchors of the tables begin with.

    Returns:
      A table by ranker, one by data set, one by group of test rows, one of spreads;
      none if nothing is measured.
    """
    measured = [
        claim
        for claim in claims
        if claim.metric == "auc" and differences_of(claim, rows.get(claim.suite, ()))
    ]
    if not measured:
        return []
    every = [row for suite in {c.suite for c in measured} for row in rows[suite]]
    models = sorted({row["model"] for row in every})
    settings = sorted({cell_of(row).setting for row in every})
    tables = {
        "ranker": (
            "By ranker, mean over data sets",
            [_Part(model, place=(None, model)) for model in models],
        ),
        "data": (
            "By data set, mean over rankers",
            [_Part(setting.label, place=(setting, None)) for setting in settings],
        ),
        "group": (
            "By group of test rows, mean over data sets and rankers",
            [_Part(title, metric) for metric, title in GROUPS.items()],
        ),
    }
    return [
        *(
            Table(
                title,
                f"{anchor}-{name}",
                ["difference in AUC", "suite", *(part.title for part in parts)],
                [_line(claim, rows[claim.suite], parts) for claim in measured],
                2,
            )
            for name, (title, parts) in tables.items()
        ),
        spread_table(every, f"{anchor}-spread"),
    ]


def spread_table(rows: Iterable[Row], anchor: str) -> Table:
    """How far the seeds of a cell lie apart, by ranker and group of test rows.

    Of a run's AUC, and of its difference to the run without codes that has the same
    seed, which is smaller where both have the noise in common.
    """
    cells: dict[tuple[Setting, str], dict[Configuration, dict[int, Row]]] = {}
    for row in rows:
        if row["split"] == "test":
            setting, model, configuration = cell_of(row)
            place = cells.setdefault((setting, model), {})
            place.setdefault(configuration, {})[row["seed"]] = row
    lines = []
    for model in sorted({of for _, of in cells}):
        places = [runs for (_, of), runs in cells.items() if of == model]
        alone = [(runs, {}) for place in places for runs in place.values()]
        paired = [
            (runs, place[_NO_CODES])
            for place in places
            for configuration, runs in place.items()
            if _NO_CODES in place and configuration != _NO_CODES
        ]
        for what, pairs in (("AUC", alone), ("difference to none", paired)):
            found = [_spread(pairs, metric) for metric in GROUPS]
            texts = [MISSING if math.isnan(each) else f"{each:.4f}" for each in found]
            lines.append([Entry(model), Entry(what), *map(Entry, texts)])
    heads = ["ranker", "standard deviation of", *GROUPS.values()]
    return Table("Spread over seeds", anchor, heads, lines, 2)


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


def _spread(pairs: Iterable[tuple[_Runs, _Runs]], metric: str) -> float:
    """Standard deviation over seeds, root mean square over cells; NaN without any.

    Args:
      pairs: of a cell, and what is taken from it seed by seed; {} for nothing.
      metric: of the rows.
    """
    variances = []
    for runs, others in pairs:
        values = [
            row[metric] - (others[seed][metric] if others else 0.0)
            for seed, row in runs.items()
            if row.get(metric) is not None and (not others or seed in others)
        ]
        if len(values) > 1:
            variances.append(np.var(values, ddof=1))
    return math.sqrt(np.mean(variances)) if variances else math.nan
