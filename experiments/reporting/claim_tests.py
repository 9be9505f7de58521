"""Whether the runs bear a claim out."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from experiments.claims import Claim, Side
from experiments.reporting.expected import NUM_SEEDS
from experiments.reporting.grid import Cell, Configuration, Setting, cell_of
from experiments.reporting.rows import Row
from moc_tf.evaluation import PairedDifference, holm_adjusted, paired_difference

_LEVEL = 0.05
HOLDS, DOES_NOT, UNDECIDED = "holds", "does not hold", "not decided"
MORE, LESS, ALIKE = "the first", "the second", "no difference that matters"
UNMEASURED = "not measured"

_Place = tuple[Setting, str]  # a data set and a ranker
Differences = Mapping[_Place, Mapping[int, float]]  # by place, then by seed


@dataclasses.dataclass(frozen=True)
class Finding:
    """What the runs say of a claim.

    Attributes:
      claim: the claim.
      num_places: pairs of data set and ranker that were measured.
      num_wanted: those that the suite asks for.
      num_higher: those measured in which the mean difference is above 0.
      difference: of a seed's mean over these pairs; None without a seed that all of
        them have.
      adjusted_p_value: of no difference; adjusted by Holm's method over all claims that
        were tested; NaN without a test.
      adjusted_p_of_mattering: of a difference as large as the smallest that matters,
        of an open question in either direction; adjusted in the same way.
    """

    claim: Claim
    num_places: int
    num_wanted: int
    num_higher: int
    difference: PairedDifference | None
    adjusted_p_value: float
    adjusted_p_of_mattering: float

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
        if self.difference is None or math.isnan(self.adjusted_p_value):
            return UNMEASURED
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
    """Tests each claim on the test parts.

    The differences of a claim are averaged over all data sets and rankers first, seed
    by seed; the seeds are the sample of the t test. So what is said is of these data
    sets and rankers, and of any seed.

    Args:
      claims: what to test.
      rows: of results, by suite.
      expected: the cells of a suite.

    Returns:
      A finding each.
    """
    wanted_of = {suite: expected(suite) for suite in {c.suite for c in claims}}
    found = [
        _finding(claim, rows.get(claim.suite, ()), wanted_of[claim.suite])
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


def _finding(claim: Claim, rows: Sequence[Row], wanted: Sequence[Cell]) -> Finding:
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
    """What a claim is about, where the test part's rows have all of its sides.

    Of pairs of data set and ranker, those with the most seeds: one that is still being
    run would leave the others with the few seeds that it has.
    """
    values: dict[Configuration, dict[_Place, dict[int, float]]] = {}
    for row in rows:
        value = row.get(claim.metric)
        if value is None or row["split"] != "test":
            continue
        setting, model, configuration = cell_of(row)
        of_seed = values.setdefault(configuration, {}).setdefault((setting, model), {})
        of_seed[row["seed"]] = value
    sides = [values.get(configuration_of(side), {}) for side in claim.sides]
    signs = (1.0, -1.0, -1.0, 1.0)
    found: dict[_Place, dict[int, float]] = {}
    for place in sides[0]:
        of_sides = [side.get(place, {}) for side in sides]
        for seed in set.intersection(*map(set, of_sides)):
            found.setdefault(place, {})[seed] = sum(
                sign * side[seed] for sign, side in zip(signs, of_sides, strict=False)
            )
    most = max(map(len, found.values()), default=0)
    return {place: seeds for place, seeds in found.items() if len(seeds) == most}


def configuration_of(side: Side) -> Configuration:
    """What its rows have."""
    fusion = side.fusion if side.num_codes else "none"
    return Configuration(side.method, side.num_codes, fusion, side.variant)
