r"""Measures one case and prints its records; `experiments.benchmark` starts it.

    python -m experiments.benchmarks.one_case --workload=tokenizer_encode \
        --case="default, float32" < /dev/null

The records of the workload's earlier cases come by standard input, one a line.
"""

from absl import app, flags

from experiments.benchmarks.shapes import SCALES

_WORKLOAD = flags.DEFINE_string("workload", None, "Its workload.", required=True)
_CASE = flags.DEFINE_string("case", None, "Its name.", required=True)
_SCALE = flags.DEFINE_enum("scale", "full", list(SCALES), "Sizes.")
_REPEATS = flags.DEFINE_integer("repeats", 3, "Of each figure.", lower_bound=3)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of real data, if any.")
_PROFILE = flags.DEFINE_string(
    "profile", None, "File for the shares of operations; the records say nothing then."
)


def main(_: list[str]) -> None:
    """Measures and prints."""
    import contextlib
    import dataclasses
    import importlib
    import sys
    from pathlib import Path

    from experiments.benchmarks.cases import Task, find_case
    from experiments.benchmarks.records import read_records

    case = find_case(_WORKLOAD.value, _CASE.value)
    scale = SCALES[_SCALE.value]
    effort = dataclasses.replace(scale.effort, repeats=_REPEATS.value)
    scale = dataclasses.replace(scale, effort=effort)
    earlier = read_records(sys.stdin)
    module, function = case.function.split(":")
    measure = getattr(
        importlib.import_module(f"experiments.benchmarks.{module}"), function
    )
    watched: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if _PROFILE.value:
        from experiments.benchmarks.op_profile import profiled

        watched = profiled(Path(_PROFILE.value))
    with watched:
        for record in measure(Task(case, scale, earlier, _DATA_DIR.value)):
            print(record.line(), flush=True)


if __name__ == "__main__":
    app.run(main)
