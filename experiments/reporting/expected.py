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
            of_tables = block.ranker.code_variant if method.has_codes else ""
            configuration = Configuration(
                method.name,
                method.num_codes,
                block.ranker.fusion if method.num_codes else "none",
                "+".join(filter(None, (method.variant, of_tables))),
            )
            setting = Setting(block.dataset, block.protocol)
            cells.append(Cell(setting, block.ranker.model, configuration))
    return cells
