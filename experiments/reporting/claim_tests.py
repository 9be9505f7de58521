"""Whether the runs bear a claim out."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from experiments.claims import Claim, Side
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
      adjusted_p_value: adjusted by Holm's method over all claims that were tested;
        NaN without a test.
    """

    claim: Claim
    num_places: int
    num_wanted: int
    num_higher: int
    difference: PairedDifference | None
    adjusted_p_value: float

    @property
    def is_complete(self) -> bool:
        """Whether all pairs of data set and ranker were measured."""
        return self.num_places == self.num_wanted

    @property
    def verdict(self) -> str:
        """What is to be said.

        A claim holds if there is more at the level of 5 %, corrected, and does not
        hold if there is less, or if the interval has no difference that matters. Of an
        open question, which of the two has more. Else it is not decided.
        """
        if self.difference is None or math.isnan(self.adjusted_p_value):
            return UNMEASURED
        found, smallest = self.difference, self.claim.smallest
        if self.adjusted_p_value < _LEVEL:
            if found.mean > 0:
                return MORE if self.claim.is_open else HOLDS
            return LESS if self.claim.is_open else DOES_NOT
        if found.high < smallest and not self.claim.is_open:
            return DOES_NOT
        if -smallest < found.low and found.high < smallest:
            return ALIKE
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
    p_values = [f.difference.p_value if f.difference else math.nan for f in found]
    adjusted = holm_adjusted(p_values)
    return [
        dataclasses.replace(finding, adjusted_p_value=float(p))
        for finding, p in zip(found, adjusted, strict=True)
    ]


def _finding(claim: Claim, rows: Sequence[Row], wanted: Sequence[Cell]) -> Finding:
    places: dict[_Place, set[Configuration]] = {}
    for cell in wanted:
        places.setdefault((cell.setting, cell.model), set()).add(cell.configuration)
    sides = {configuration_of(side) for side in claim.sides}
    num_wanted = sum(sides <= configurations for configurations in places.values())
    differences = differences_of(claim, rows)
    return Finding(
        claim,
        len(differences),
        num_wanted,
        sum(float(np.mean(list(d.values()))) > 0 for d in differences.values()),
        mean_difference(differences),
        math.nan,
    )


def mean_difference(differences: Differences) -> PairedDifference | None:
    """Averaged over places seed by seed, then over the seeds that all places have."""
    seeds = set.intersection(*map(set, differences.values())) if differences else set()
    means = [
        float(np.mean([of_place[seed] for of_place in differences.values()]))
        for seed in sorted(seeds)
    ]
    return paired_difference(means, [0.0] * len(means)) if means else None


def differences_of(claim: Claim, rows: Sequence[Row]) -> Differences:
    """What a claim is about, where the test part's rows have all of its sides."""
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
    return found


def configuration_of(side: Side) -> Configuration:
    """What its rows have."""
    fusion = side.fusion if side.num_codes else "none"
    return Configuration(side.method, side.num_codes, fusion, side.variant)
