"""How far seeds lie apart, on which rows, and whether codes or rankers are to blame."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from experiments.reporting.breakdown import GROUPS
from experiments.reporting.entries import MISSING, Entry
from experiments.reporting.grid import Configuration, Setting, cell_of
from experiments.reporting.rows import Row
from experiments.reporting.tables import Table, labels_of

_NO_CODES = Configuration("none", 0, "none", "")
_SOURCES = {"auc": "AUC", "auc_new_items": "AUC, new items"}
_Runs = Mapping[int, Row]  # of a cell, by seed


def spread_tables(rows: Iterable[Row], anchor: str) -> list[Table]:
    """How far the seeds of a cell lie apart, under each protocol.

    By ranker and group of test rows: of a run's AUC, and of its difference to the run
    without codes that has the same seed, which is smaller where both have the noise in
    common. Of the cells that all rankers have, so that these can be compared.

    By method: how much of it rankers with the same codes have in common, and how much
    each has for itself. The former is what the codes of a seed are good or bad for.

    Args:
      rows: of results; one run may be there several times.
      anchor: what the anchors of the tables begin with.
    """
    of_protocol: dict[str, list[Row]] = {}
    for row in rows:
        of_protocol.setdefault(row["protocol"], []).append(row)
    return [
        table
        for protocol, found in sorted(of_protocol.items())
        for table in _of_protocol(protocol, found, anchor)
    ]


def _of_protocol(protocol: str, rows: Iterable[Row], anchor: str) -> list[Table]:
    places: dict[tuple[Setting, str], dict[Configuration, dict[int, Row]]] = {}
    for row in rows:
        if row["split"] == "test":
            setting, model, configuration = cell_of(row)
            place = places.setdefault((setting, model), {})
            place.setdefault(configuration, {})[row["seed"]] = row
    shared = _shared_by_rankers(places)
    return [
        Table(
            f"Spread over seeds, by ranker and group of test rows, {protocol}",
            f"{anchor}-spread-{protocol}",
            ["ranker", "standard deviation of", *GROUPS.values()],
            [
                line
                for model in sorted({of for _, of in places})
                for line in _lines(
                    model, [place for (_, of), place in shared.items() if of == model]
                )
            ],
            2,
        ),
        _by_source(places, protocol, f"{anchor}-sources-{protocol}"),
    ]


def two_sources(values: Sequence[Mapping[int, float]]) -> tuple[float, float]:
    """Variances of what rankers have in common, by seed, and of what each has alone.

    The components of a two-way analysis of variance, seeds by rankers, one value each:
    a value is a ranker's mean, what its seed adds in every ranker, and a rest.

    Args:
      values: of each ranker, by seed; seeds that a ranker lacks do not count.

    Returns:
      The two variances; NaN for fewer than two rankers or seeds. Both are unbiased, so
      the first may come out below 0 where there is nothing in common.
    """
    seeds = sorted(set.intersection(*map(set, values))) if values else []
    if len(values) < 2 or len(seeds) < 2:
        return math.nan, math.nan
    table = np.array([[of_ranker[seed] for seed in seeds] for of_ranker in values])
    table -= table.mean(axis=1, keepdims=True)
    in_common = table.mean(axis=0)
    degrees = (len(values) - 1) * (len(seeds) - 1)
    rest = float(((table - in_common) ** 2).sum()) / degrees
    common = float((in_common**2).sum()) / (len(seeds) - 1)
    return common - rest / len(values), rest


def _shared_by_rankers(
    places: Mapping[tuple[Setting, str], Mapping[Configuration, _Runs]],
) -> dict[tuple[Setting, str], dict[Configuration, _Runs]]:
    """The places, each with the configurations that every ranker has in its setting."""
    models = {model for _, model in places}
    return {
        (setting, model): {
            configuration: runs
            for configuration, runs in place.items()
            if all(configuration in places.get((setting, of), ()) for of in models)
        }
        for (setting, model), place in places.items()
    }


def _lines(
    model: str, places: Sequence[Mapping[Configuration, _Runs]]
) -> list[list[Entry]]:
    """Of a ranker: the spread of AUC, and that of the difference to no codes."""
    alone = [(runs, {}) for place in places for runs in place.values()]
    paired = [
        (runs, place[_NO_CODES])
        for place in places
        for configuration, runs in place.items()
        if _NO_CODES in place and configuration != _NO_CODES
    ]
    lines = []
    for what, pairs in (("AUC", alone), ("difference to none", paired)):
        variances = (_mean(_variances(pairs, metric)) for metric in GROUPS)
        lines.append([Entry(model), Entry(what), *map(_deviation, variances)])
    return lines


def _variances(pairs: Iterable[tuple[_Runs, _Runs]], metric: str) -> list[float]:
    """Variance over the seeds of each cell that has several.

    Args:
      pairs: of a cell, and what is taken from it seed by seed; {} for nothing.
      metric: of the rows.
    """
    found = []
    for runs, others in pairs:
        known_of_others = _values(others, metric)
        values = [
            value - (known_of_others[seed] if others else 0.0)
            for seed, value in _values(runs, metric).items()
            if not others or seed in known_of_others
        ]
        if len(values) > 1:
            found.append(float(np.var(values, ddof=1)))
    return found


def _by_source(
    places: Mapping[tuple[Setting, str], Mapping[Configuration, _Runs]],
    protocol: str,
    anchor: str,
) -> Table:
    """Of each method that several rankers have, the two sources of its spread."""
    of_method: dict[Configuration, dict[Setting, list[_Runs]]] = {}
    for (setting, _), place in places.items():
        for configuration, runs in place.items():
            of_setting = of_method.setdefault(configuration, {})
            of_setting.setdefault(setting, []).append(runs)
    kept, lines = [], []
    for configuration, of_setting in of_method.items():
        entries = []
        for metric in _SOURCES:
            found = [
                two_sources([_values(runs, metric) for runs in rankers])
                for rankers in of_setting.values()
            ]
            for source in (0, 1):
                known = [each[source] for each in found if not math.isnan(each[source])]
                entries.append(_deviation(_mean(known)))
        if any(entry.text != MISSING for entry in entries):
            kept.append(configuration)
            lines.append(entries)
    heads, labels = labels_of(kept)
    return Table(
        "Spread over seeds, by method: what rankers with the same codes have in "
        f"common, {protocol}",
        anchor,
        [
            *heads,
            *(
                f"{title}: {source}"
                for title in _SOURCES.values()
                for source in ("in common", "each ranker's own")
            ),
        ],
        [
            [*map(Entry, label), *entries]
            for label, entries in zip(labels, lines, strict=True)
        ],
        len(heads),
    )


def _values(runs: _Runs, metric: str) -> dict[int, float]:
    return {s: row[metric] for s, row in runs.items() if row.get(metric) is not None}


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else math.nan


def _deviation(variance: float) -> Entry:
    """0 of a mean variance below 0."""
    if math.isnan(variance):
        return Entry(MISSING)
    return Entry(f"{math.sqrt(max(variance, 0.0)):.4f}")
