r"""Where does the time of a step go? The operations behind the benchmark's figures.

    python -m experiments.profile_steps --only=1M
    python -m experiments.profile_steps --workloads=tokenizer_train --out=profiles.md

Runs each case of `experiments.benchmark` in a process of its own under TensorFlow's
profiler, and prints for each which kinds of operations its time goes to. A share is of
the time of all operations, which is less than all time where Python or the input waits,
and counts twice what two threads do at once.
"""

import sys

from absl import app, flags

from experiments.benchmarks.shapes import SCALES

_WORKLOADS = flags.DEFINE_list(
    "workloads",
    ["tokenizer_train", "tokenizer_encode", "ranker_train", "ranker_predict"],
    "Whose cases are profiled.",
)
_ONLY = flags.DEFINE_string("only", "", "Only cases whose names contain this.")
_OUT = flags.DEFINE_string("out", None, "Markdown file for the table.")
_SCALE = flags.DEFINE_enum("scale", "full", list(SCALES), "Sizes; tiny for a test.")
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Of the Amazon files, for `reproduction`; default: planted data."
)


def main(_: list[str]) -> None:
    """Profiles and prints."""
    import tempfile
    from pathlib import Path

    from experiments.benchmarks import cases
    from experiments.benchmarks.op_profile import read_shares
    from experiments.benchmarks.profile_table import profile_table
    from experiments.benchmarks.running import Failure, run_case
    from experiments.usage_errors import usage_errors
    from moc_tf.training.run_directory import write_text

    with usage_errors():
        chosen = cases.chosen_cases(_WORKLOADS.value, _ONLY.value)
    if _OUT.value:  # before the long work, so that a folder that cannot be made shows
        with usage_errors():
            Path(_OUT.value).parent.mkdir(parents=True, exist_ok=True)
    profiles = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shares.json"
        for case in chosen:
            if case.workload == "ceiling":
                continue
            options = [f"--scale={_SCALE.value}", f"--profile={path}"]
            if _DATA_DIR.value:
                options.append(f"--data_dir={_DATA_DIR.value}")
            for result in run_case(case, options, []):
                if isinstance(result, Failure):
                    sys.exit(f"{case.workload}, {case.name} failed: {result.reason}")
            profiles[case.workload, case.name] = read_shares(path)
            print(f"{case.workload}, {case.name}: done", flush=True)
    table = profile_table(profiles)
    print(f"\n{table}")
    if _OUT.value:
        write_text(Path(_OUT.value), table)


if __name__ == "__main__":
    app.run(main)
