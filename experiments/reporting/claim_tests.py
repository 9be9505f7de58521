"""Whether the runs bear a claim out."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from experiments.claims import Claim, Side
from experiments.reporting.expected import NUM_SEEDS
from experiments.reporting.grid import Cell, Configuration, Setting, cell_of
from experiments.reporting.rows import Row
from moc_tf.evaluation import PairedDifference, holm_adjusted, paired_difference

_LEVEL = 0.05
HOLDS, DOES_NOT, UNDECIDED = "holds", "does not hold", "not decided"
MORE, LESS, ALIKE = "the first", "the second", "no difference that matters"
UNMEASURED, UNTESTED = "not measured", "not tested (one seed)"

_Place = tuple[Setting, str]  # a data set and a ranker
Differences = Mapping[_Place, Mapping[int, float]]  # by place, then by seed


@dataclasses.dataclass(frozen=True)
class Finding:
    """What the runs say of a claim under a protocol.

    Attributes:
      claim: the claim.
      protocol: "rating" or "implicit".
      num_places: pairs of data set and ranker that were measured.
      num_wanted: those that the suite asks for.
      num_higher: those measured in which the mean difference is above 0.
      difference: of a seed's mean over these pairs; None without a seed that all of
        them have.
      adjusted_p_value: of no difference; adjusted by Holm's method over all claims that
        were tested, under all protocols; NaN without a test.
      adjusted_p_of_mattering: of a difference as large as the smallest that matters,
        of an open question in either direction; adjusted in the same way.
    """

    claim: Claim
    protocol: str
    num_places: int
    num_wanted: int
    num_higher: int
    difference: PairedDifference | None
    adjusted_p_value: float
    adjusted_p_of_mattering: float

    @property
    def is_tested(self) -> bool:
        """Whether there is a p-value: one seed is no test."""
        return not math.isnan(self.adjusted_p_value)

    @property
    def is_complete(self) -> bool:
        """Whether all pairs of data set and ranker were measured, with all seeds."""
        seeds = self.difference.n if self.difference else 0
        return self.num_places == self.num_wanted and seeds >= NUM_SEEDS

    @property
    def verdict(self) -> str:
        """What is to be said, each at the level of 5 %, corrected.

        A claim does not hold if the difference is less than one that matters; else it
        holds if there is more. Of an open question, no difference matters if it is less
        than one that does in either direction; else it is told which has more. What is
        neither is not decided.
        """
        if self.difference is None:
            return UNMEASURED
        if not self.is_tested:
            return UNTESTED
        is_open = self.claim.is_open
        if self.adjusted_p_of_mattering < _LEVEL:
            return ALIKE if is_open else DOES_NOT
        if self.adjusted_p_value < _LEVEL:
            if self.difference.mean > 0:
                return MORE if is_open else HOLDS
            return LESS if is_open else DOES_NOT
        return UNDECIDED


def judge_claims(
    claims: Sequence[Claim],
    rows: Mapping[str, Sequence[Row]],
    expected: Callable[[str], Sequence[Cell]],
) -> list[Finding]:
    """Tests each claim on the test parts, under each protocol by itself.

    Protocols ask different things of a ranker, and differences of one may be ten times
    those of another, so that a mean of both would be that one's.

    The differences of a claim are averaged over all data sets and rankers first, seed
    by seed; the seeds are the sample of the t test. So what is said is of these data
    sets and rankers, and of any seed.

    Args:
      claims: what to test.
      rows: of results, by suite.
      expected: the cells of a suite.

    Returns:
      A finding for each claim under each protocol, protocol by protocol.

    Raises:
      ValueError: if rows do not fit together; see `differences_of`.
    """
    wanted_of = {suite: expected(suite) for suite in {c.suite for c in claims}}
    protocols = dict.fromkeys(
        [
            *(cell.setting.protocol for cells in wanted_of.values() for cell in cells),
            *(row["protocol"] for suite in wanted_of for row in rows.get(suite, ())),
        ]
    )
    found = [
        _finding(
            claim,
            protocol,
            [r for r in rows.get(claim.suite, ()) if r["protocol"] == protocol],
            [c for c in wanted_of[claim.suite] if c.setting.protocol == protocol],
        )
        for protocol in protocols
        for claim in claims
    ]
    of_none = holm_adjusted([f.adjusted_p_value for f in found])
    of_mattering = holm_adjusted([f.adjusted_p_of_mattering for f in found])
    return [
        dataclasses.replace(
            finding, adjusted_p_value=float(p), adjusted_p_of_mattering=float(q)
        )
        for finding, p, q in zip(found, of_none, of_mattering, strict=True)
    ]


def _finding(
    claim: Claim, protocol: str, rows: Sequence[Row], wanted: Sequence[Cell]
) -> Finding:
    """With p-values that are not adjusted yet."""
    places: dict[_Place, set[Configuration]] = {}
    for cell in wanted:
        places.setdefault((cell.setting, cell.model), set()).add(cell.configuration)
    sides = {configuration_of(side) for side in claim.sides}
    num_wanted = sum(sides <= configurations for configurations in places.values())
    differences = differences_of(claim, rows)
    difference = mean_difference(differences)
    return Finding(
        claim,
        protocol,
        len(differences),
        num_wanted,
        sum(float(np.mean(list(d.values()))) > 0 for d in differences.values()),
        difference,
        difference.p_value if difference else math.nan,
        _p_of_mattering(claim, differences),
    )


def _p_of_mattering(claim: Claim, differences: Differences) -> float:
    """Of the two-sided t test of a difference as large as the smallest that matters.

    1 if what was measured is as large; NaN without a test.
    """
    above = mean_difference(differences, claim.smallest)
    below = mean_difference(differences, -claim.smallest)
    if above is None or below is None or math.isnan(above.p_value):
        return math.nan
    p_value = above.p_value if above.mean < 0 else 1.0
    if claim.is_open:
        p_value = max(p_value, below.p_value if below.mean > 0 else 1.0)
    return p_value


def mean_difference(
    differences: Differences, reference: float = 0.0
) -> PairedDifference | None:
    """Averaged over places seed by seed, then over the seeds that all places have.

    Args:
      differences: by place and seed.
      reference: what the mean is compared with, and is taken from it.

    Returns:
      None without a seed that all places have.
    """
    seeds = set.intersection(*map(set, differences.values())) if differences else set()
    means = [
        float(np.mean([of_place[seed] for of_place in differences.values()]))
        for seed in sorted(seeds)
    ]
    return paired_difference(means, [reference] * len(means)) if means else None


def differences_of(claim: Claim, rows: Sequence[Row]) -> Differences:
    """The differences that are compared: all places with the same seeds.

    The seeds are those of a place with `NUM_SEEDS` of them, or else with the most, and
    among such places those that the most places have. Places that lack some are left
    out: one that is still being run would leave the others with the few that it has.

    Raises:
      ValueError: as `every_difference_of`.
    """
    found = every_difference_of(claim, rows)

    def places_with(seeds: Iterable[int]) -> list[_Place]:
        return [place for place, of in found.items() if set(seeds) <= of.keys()]

    seeds = max(
        found.values(),
        key=lambda of: (min(len(of), NUM_SEEDS), len(places_with(of))),
        default={},
    )
    return {p: {seed: found[p][seed] for seed in seeds} for p in places_with(seeds)}


def every_difference_of(claim: Claim, rows: Sequence[Row]) -> Differences:
    """What a claim is about, wherever the test part's rows have all of its sides.

    Raises:
      ValueError: if a run is there twice, runs of a data set are of different data, or
        the metric is not a number.
    """
    values: dict[Configuration, dict[_Place, dict[int, float]]] = {}
    data: dict[Setting, Any] = {}
    sides = [configuration_of(side) for side in claim.sides]
    for row in rows:
        setting, model, configuration = cell_of(row)
        value = row.get(claim.metric)
        if value is None or row["split"] != "test" or configuration not in sides:
            continue
        run = f"{configuration.slug}, seed {row['seed']}, {model}, {setting.label}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(
                f"A metric must be a number. Received: {claim.metric} {value!r} of "
                f"{run}."
            )
        digest = row.get("data_sha256")
        if data.setdefault(setting, digest) != digest:
            raise ValueError(
                "Runs of a data set must be of the same data. Received: another "
                f"data_sha256 of {run}."
            )
        of_seed = values.setdefault(configuration, {}).setdefault((setting, model), {})
        if row["seed"] in of_seed:
            raise ValueError(f"A run must be there once. Received: {run} twice.")
        of_seed[row["seed"]] = value
    of_sides = [values.get(side, {}) for side in sides]
    signs = (1.0, -1.0, -1.0, 1.0)
    found: dict[_Place, dict[int, float]] = {}
    for place in of_sides[0]:
        runs = [side.get(place, {}) for side in of_sides]
        for seed in sorted(set.intersection(*map(set, runs))):
            found.setdefault(place, {})[seed] = sum(
                sign * side[seed] for sign, side in zip(signs, runs, strict=False)
            )
    return found


def configuration_of(side: Side) -> Configuration:
    """What its rows have."""
    fusion = side.fusion if side.num_codes else "none"
    return Configuration(side.method, side.num_codes, fusion, side.variant)
