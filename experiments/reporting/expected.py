"""What the suites ask for, so that empty cells are seen."""

from collections.abc import Sequence

from experiments.reporting.grid import Cell, Configuration, Setting

SUITES = ("headline", "rankers", "table1", "table2", "figure4", "reviewers")
NUM_SEEDS = 5


def expected_cells(suite: str) -> Sequence[Cell]:
    """The cells of a suite of `experiments.reproduce`, in its order.

    Reads the suites themselves, for which TensorFlow is loaded.
    """
    from experiments import suites

    cells = []
    for block in suites.SUITES[suite](suites.DATA, range(NUM_SEEDS)):
        for method in block.methods:
            ranker = block.ranker
            head = method.row_head(ranker.fusion, ranker.code_variant)
            setting = Setting(block.dataset, block.protocol)
            cells.append(Cell(setting, ranker.model, Configuration(**head)))
    return cells
