"""What a report expects is what the suites run."""

import collections

from experiments import suites
from experiments.reporting import expected
from experiments.reporting.legend import METHODS, TITLES


def test_every_suite_is_known_by_name():
    assert set(expected.SUITES) == set(suites.SUITES) == set(TITLES)


def test_the_cells_of_the_suites():
    cells = {name: expected.expected_cells(name) for name in expected.SUITES}
    for name, found in cells.items():
        assert len(found) == len(set(found)), name
    assert len(cells["table1"]) == 5 * 4 * 14
    assert len(cells["headline"]) == 6
    fusions = collections.Counter(c.configuration.fusion for c in cells["table2"])
    assert fusions["residual"] == fusions["none"] - 5 == 5 * 12  # and that of "none"
    assert set(cells["headline"]) <= set(cells["table1"])


def test_the_legend_knows_every_method():
    told = {part for term in METHODS for part in term.split(", ")}
    for name in expected.SUITES:
        for cell in expected.expected_cells(name):
            assert cell.configuration.method in told
            assert set(cell.configuration.variant.split("+")) <= told | {""}
