r"""How fast is it? Our figures, beside those of other systems and the machine's limits.

    python -m experiments.benchmark
    python -m experiments.benchmark --workloads=tokenizer_train,tokenizer_encode
    python -m experiments.benchmark --peers=/path/to/peers --results_dir=DIR

Measures each configuration of each workload in a process of its own, one after the
other, then, where a kit of peers is given, theirs, and the machine's ceilings. Prints
one table. With a kit about 50 minutes on 2 cores, without about 30. A figure is the
median of three repeats or more. The machine must be idle: a figure beside which other
processes used more than 5 % of the CPU is void, and the exit status is then 1.

    tokenizer_train    vectors/s of training the autoencoder of moc
    tokenizer_encode   vectors/s from vectors to codes
    quantizer_quality  error, seconds of fitting and vectors/s, at 56 bits a vector
    ranker_train       rows/s of training a ranker, in memory and from files
    ranker_predict     rows/s, and milliseconds of small requests, raw ids among them
    start_up           seconds of imports and of --help
    memory             peak of a training on columns, over data and model
    reproduction       seconds of a run of table1, and hours of all of it
    growth             how cost grows with items, codes, dimensions, vocabulary and more
    ceiling            matrix products; comes along where it bounds a workload
"""

import sys

from absl import app, flags

from experiments.benchmarks.shapes import SCALES

_WORKLOADS = flags.DEFINE_list("workloads", None, "What is measured; default: all.")
_ONLY = flags.DEFINE_string(
    "only", "", "Measure only the cases whose names contain this."
)
_PEERS = flags.DEFINE_string(
    "peers", None, "Folder of a kit of other systems: its run.sh takes a workload."
)
_OUT = flags.DEFINE_string("out", None, "File for the figures, a line of JSON each.")
_RESULTS_DIR = flags.DEFINE_string(
    "results_dir",
    None,
    "Folder for table.md, results.jsonl, failures.jsonl, machine.json and the "
    "pictures. What is not measured now stays as it is there.",
)
_REPEATS = flags.DEFINE_integer("repeats", 3, "Of each figure.", lower_bound=3)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Of the Amazon files, for `reproduction`; default: planted data."
)
_SCALE = flags.DEFINE_enum(
    "scale", "full", list(SCALES), "tiny shows that it runs, and measures nothing."
)


def main(_: list[str]) -> None:
    """Measures and prints."""
    from pathlib import Path

    from experiments.benchmarks import cases, report, session

    if _PEERS.value and _SCALE.value != "full":
        raise app.UsageError(
            "Peers are measured at full size alone: leave out --scale."
        )
    if _RESULTS_DIR.value and (_ONLY.value or _SCALE.value != "full"):
        raise app.UsageError("--results_dir keeps whole workloads at full size alone.")
    try:
        chosen = cases.chosen_cases(_WORKLOADS.value or cases.WORKLOADS, _ONLY.value)
    except ValueError as error:
        raise app.UsageError(str(error)) from error
    options = [f"--scale={_SCALE.value}", f"--repeats={_REPEATS.value}"]
    if _DATA_DIR.value:
        options.append(f"--data_dir={_DATA_DIR.value}")
    records, failures = session.measure(
        chosen, options, _PEERS.value, lambda line: print(line, flush=True)
    )
    machine = session.describe_machine()
    print(f"\n{report.report(records, failures, machine)}")
    if _OUT.value:
        session.write_lines(Path(_OUT.value), records)
    if _RESULTS_DIR.value:
        report.write_results(Path(_RESULTS_DIR.value), records, failures, machine)
    if fault := report.spoilt(records, failures):
        sys.exit(fault)


if __name__ == "__main__":
    app.run(main)
