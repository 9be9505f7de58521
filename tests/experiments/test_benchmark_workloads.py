"""The workloads of the benchmark at a size that tells nothing of their speed."""

import importlib
import math
import pathlib
import subprocess
import sys
import time
import types

import numpy as np
import pytest

from experiments.benchmarks import (
    growth,
    memory,
    quantizers,
    rankers,
    reproduction,
    start_up,
)
from experiments.benchmarks.cases import Task, find_case
from experiments.benchmarks.epoch_rates import EpochClock
from experiments.benchmarks.measuring import Measured
from experiments.benchmarks.records import read_records
from experiments.benchmarks.shapes import FIELDS_BESIDE_CODES, SCALES
from moc_tf.cores import num_cores
from moc_tf.training import Outcome, Run

ROOT = pathlib.Path(__file__).parents[2]
TINY = SCALES["tiny"]


def measure(workload, name, **task):
    case = find_case(workload, name)
    module, function = case.function.split(":")
    found = importlib.import_module(f"experiments.benchmarks.{module}")
    records = list(getattr(found, function)(Task(case, TINY, **task)))
    for record in records:
        if record.peer == "moc_tf":
            assert record.workload == workload
            assert record.config["case"] == name
            assert record.threads == num_cores()
        assert all(math.isfinite(v) and v > 0 for v in record.repeat)
    return records


def test_tokenizer_training_has_three_repeats():
    (record,) = measure("tokenizer_train", "shared latent, float32")
    assert len(record.repeat) == 3
    assert record.config["epochs"] >= 4
    assert record.config["batch"] == 128


def test_ceilings_put_a_floor_under_each_bounded_workload():
    records = measure("ceiling", "matrix products")
    floors = [r for r in records if r.peer == "floor"]
    ceilings = {
        (r.config["dtype"], r.config["m"]): r for r in records if r.peer == "moc_tf"
    }
    assert len(ceilings) == 4
    for floor in floors:
        square = ceilings[floor.config["dtype"], 64]
        expected = 1e9 * square.value / floor.config["flops_per_example"]
        assert floor.value == pytest.approx(expected, rel=1e-4)
    kinds = {(f.workload, f.config.get("form"), f.config.get("model")) for f in floors}
    assert len(kinds) == 10
    # Of four autoencoders in both precisions, and of six rankers in one.
    assert len(floors) == 4 * 2 + 6


@pytest.mark.parametrize(
    ("name", "metrics"),
    [
        ("deepfm, 1M users", ["examples_per_s"]),
        ("deepfm, 1M users, files", ["examples_per_s", "share_of_ready"]),
        (
            "no model, 100k users, loader alone",
            ["examples_per_s", "seconds", "seconds"],
        ),
    ],
)
def test_ranker_training(name, metrics):
    records = measure("ranker_train", name)
    assert [record.metric for record in records] == metrics
    assert all(len(record.repeat) == 3 for record in records)
    users = {"100k": 20, "1M": 50}[name.split(", ")[1].removesuffix(" users")]
    assert {record.config["users"] for record in records} == {users}


def test_prediction_of_a_model_and_of_its_export():
    records = measure("ranker_predict", "deepfm")
    shown = [(record.metric, record.config["batch"]) for record in records]
    assert shown == [
        ("examples_per_s", 64),
        ("p50_ms", 1),
        ("p99_ms", 1),
        ("p50_ms", 4),
        ("p99_ms", 4),
    ]
    served = measure("ranker_predict", "deepfm, SavedModel")
    assert len(served) == 3 * (2 * 3 + 1)
    assert {r.config["request"] for r in served} == {
        "ids",
        "vectors, no new item",
        "vectors, one new item",
    }


def test_a_quantizer_has_error_time_and_rate():
    records = measure("quantizer_quality", "pq")
    assert [r.metric for r in records] == [
        "train_seconds",
        "relative_mse",
        "vectors_per_s",
    ]
    assert 0 < records[1].value < 1


def test_moc_wants_the_seconds_of_rq_kmeans():
    with pytest.raises(ValueError, match="must be measured before it"):
        measure("quantizer_quality", "moc")


@pytest.mark.parametrize(("took", "given"), [(0.3, 10.0), (12.0, 12.0)])
def test_moc_gets_the_seconds_of_rq_kmeans_but_a_tiny_one_enough_to_end(took, given):
    case = find_case("quantizer_quality", "rq_kmeans")
    fit = Task(case, TINY).record("train_seconds", Measured([took], None))
    task = Task(find_case("quantizer_quality", "moc"), TINY, earlier=[fit])
    assert quantizers._budget(task) == given
    full = Task(task.case, SCALES["full"], earlier=[fit])
    assert quantizers._budget(full) == took


class Clock:
    """Time that only pretended work takes."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


def fits(monkeypatch, start, epoch):
    """Epochs of the pretended fits, which take `start` and `epoch(number)` seconds."""
    clock, done = Clock(), []

    def make(method, epochs, **options):
        def fit(vectors, callbacks):
            clock.now += start
            for number in range(epochs):
                clock.now += epoch(len(done))
                callbacks[0].on_epoch_end(number)
            done.append(epochs)

        return types.SimpleNamespace(fit=fit)

    monkeypatch.setattr(quantizers, "make_indexer", make)
    monkeypatch.setattr(time, "perf_counter", clock.perf_counter)
    return done


def test_a_clock_tells_the_lengths_of_all_epochs_but_the_first(monkeypatch):
    time_of, clock = Clock(), EpochClock()
    monkeypatch.setattr(time, "perf_counter", time_of.perf_counter)
    for number, seconds in enumerate([7.0, 1.0, 2.5]):
        time_of.now += seconds
        clock.on_epoch_end(number)
    assert clock.lengths() == [1.0, 2.5]


def test_a_fit_is_given_as_many_epochs_as_the_time_allows(monkeypatch):
    done = fits(monkeypatch, start=4.0, epoch=lambda number: 2.0)
    _, seconds, epochs, _ = quantizers._fit_within(30.0, np.zeros(1), "moc", {})
    assert done[0] == 3
    assert epochs == done[-1] == 12  # 3 and 97 % of the ten that 20 s more allow
    assert seconds == 4.0 + 2.0 * epochs <= 30.0


def test_a_fit_that_takes_too_long_is_done_again_with_fewer_epochs(monkeypatch):
    slower = [1.0, 2.0, 2.0, 2.0]
    done = fits(monkeypatch, start=0.0, epoch=lambda number: slower[number])
    _, seconds, epochs, _ = quantizers._fit_within(20.0, np.zeros(1), "moc", {})
    assert done[0] == 3
    assert 2.0 * done[1] > 20.0
    assert seconds == 2.0 * epochs <= 20.0


def test_a_budget_that_is_too_small_is_an_error(monkeypatch):
    fits(monkeypatch, start=40.0, epoch=lambda number: 1.0)
    with pytest.raises(ValueError, match=r"cannot be fitted in the time.*10\.0 s"):
        quantizers._fit_within(10.0, np.zeros(1), "moc", {})


def test_memory_reads_back_the_columns_that_it_wrote(tmp_path):
    memory._write_columns(tmp_path, TINY.ranker)
    user = np.load(tmp_path / "user.npy")
    assert (user.dtype, user.shape) == (np.int32, (4_096,))
    assert 40 < user.max() < 50
    peak, data, model = memory._train(tmp_path, TINY.ranker)
    assert data == 4_096 * 12 + 30 * 4 * (3 + 2)
    # The user table with both moments, and everything else.
    assert model > 3 * 50 * 4 * 4
    assert peak >= 0


def told(monkeypatch, *outcomes):
    """What a suite tells: (of an indexer?, seconds since it began, error)."""

    class Suite:
        def __init__(self, name, blocks, load, folder):
            (self.block,) = blocks

        def run(self):
            (method,) = self.block.methods
            run = Run(0, method, 0)
            for of_indexer, now, error in outcomes:
                yield Outcome(run, {}, error, of_indexer, False, 1, 4, now, None)

    monkeypatch.setattr(reproduction, "Suite", Suite)


OUTCOMES = [(True, 1.0 + 2.0 * i, "") for i in range(4)]
OUTCOMES += [(False, 10.0 + 0.5 * i, "") for i in range(4)]


@pytest.mark.parametrize(
    ("name", "what", "seconds"),
    [
        ("indexer, 7 codes of moc", "an indexer", [2.0] * 3),
        ("xdeepfm, 7 codes", "a run", [0.5] * 3),
    ],
)
def test_seconds_are_those_after_the_first(monkeypatch, name, what, seconds):
    told(monkeypatch, *OUTCOMES)
    (record,) = measure("reproduction", name)
    assert record.config["what"] == what
    assert list(record.repeat) == seconds


def test_a_run_that_fails_ends_the_measurement(monkeypatch):
    told(monkeypatch, *OUTCOMES[:2], (True, 9.0, "no disk"))
    with pytest.raises(RuntimeError, match="no disk"):
        measure("reproduction", "indexer, 7 codes of moc")


@pytest.mark.slow
def test_indexers_and_runs_of_the_planted_benchmark_are_timed():
    measure("reproduction", "indexer, 7 codes of moc")
    measure("reproduction", "deepfm, 7 codes")


def test_all_programs_are_asked_for_help():
    found = start_up.binaries()
    assert {"benchmark", "quickstart", "train_ranker", "index_items"} <= set(found)
    assert "settings" not in found
    assert "--scale" in start_up._output_of(["-m", "experiments.benchmark", "--help"])


@pytest.mark.slow
def test_a_case_in_processes_of_their_own_from_flags_to_table(tmp_path):
    out = tmp_path / "out" / "figures.jsonl"
    command = [sys.executable, "-m", "experiments.benchmark", "--scale=tiny"]
    command += ["--workloads=tokenizer_encode", "--only=default, float32"]
    process = subprocess.run(
        [*command, f"--out={out}"], cwd=ROOT, capture_output=True, text=True
    )
    records = read_records(out.read_text().splitlines())
    assert len(records) == 19
    void = any(record.is_void for record in records)
    assert process.returncode == int(void), process.stderr
    (encoding,) = (r for r in records if r.config["case"] == "default, float32")
    assert encoding.config["batch"] == 256
    (line,) = (
        line
        for line in process.stdout.splitlines()
        if line.startswith("| tokenizer_encode, default, float32")
    )
    cells = [cell.strip() for cell in line.split("|")]
    if not void:
        assert cells[8] != "-"  # the floor, from the ceiling in the same call
    assert "cores" in process.stdout


@pytest.mark.parametrize(
    ("axis", "kinds"),
    [
        ("items", {"an epoch of fit", "encode"}),
        ("codes", {"a vector of fit", "a vector of encode"}),
        ("fields", {"a row of dcn_v2"}),
    ],
)
def test_growth_is_measured_by_size(axis, kinds):
    records = measure("growth", axis)
    assert {record.config["what"] for record in records} == kinds
    assert all(len(record.repeat) == 3 for record in records)
    size = {"items": 512, "codes": 2, "fields": 6}[axis]
    assert {record.config["size"] for record in records} == {size}


def test_every_number_of_fields_leaves_a_code():
    schema = rankers.make_model("dcn_v2", TINY.ranker, 9, "none").schema
    assert len(schema.categorical) == FIELDS_BESIDE_CODES
    assert all(size > FIELDS_BESIDE_CODES for size in growth.SIZES["fields"])


def test_what_starts_the_cases_needs_no_tensorflow():
    script = (
        "import sys; from experiments.benchmarks import session, report, cases;"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0
