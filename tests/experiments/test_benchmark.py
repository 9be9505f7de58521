"""The harness of the benchmark: records, processes, cases and data."""

import dataclasses
import importlib.util
import json
import os
import pathlib
import stat
import sys

import numpy as np
import pytest

from experiments.benchmarks import cases, session, shapes, synthetic_data
from experiments.benchmarks.measuring import latencies, rates, seconds
from experiments.benchmarks.records import Record, read_record, read_records
from experiments.benchmarks.running import Failure, measured_environment, run_kit


def record(peer="moc_tf", value=100.0, other_cpu=0.0, **fields):
    config = fields.pop("config", {})
    known = {"workload": "tokenizer_train", "metric": "vectors_per_s", "threads": 2}
    return Record.of(
        [value], peer=peer, version="1", other_cpu=other_cpu, config=config,
        **{**known, **fields},
    )  # fmt: skip


def test_a_record_is_a_line_with_the_median_and_its_spread():
    found = Record.of(
        [3.0, 1.0, 2.000004], peer="p", version="1", workload="w", metric="m",
        threads=2, config={"a": 1}, other_cpu=None,
    )  # fmt: skip
    assert found.value == 2.0
    assert found.spread == 1.0
    assert json.loads(found.line())["repeat"] == [3.0, 1.0, 2.0]
    assert read_record(found.line()) == found
    assert record().spread is None


def test_lines_that_are_no_records_are_left_out_and_broken_records_are_errors():
    assert read_records(["a remark", "{oops", record().line(), ""]) == [record()]
    values = json.loads(record().line())
    with pytest.raises(ValueError, match=r"Received: none of.*metric"):
        read_record(json.dumps({k: v for k, v in values.items() if k != "metric"}))
    with pytest.raises(ValueError, match="finite numbers"):
        read_record(json.dumps(values | {"value": float("nan")}))


PEER = record("vector-quantize-pytorch", 50.0)


def kit(folder, script):
    path = folder / "run.sh"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return folder


def test_the_lines_of_a_kit_are_joined_and_its_failure_is_told(tmp_path):
    line = PEER.line()
    script = f"echo '{line}'; echo installing; echo about $1 >&2; exit 3"
    found = list(run_kit(kit(tmp_path, script), "ceiling"))
    assert found == [PEER, Failure("ceiling", "the peers' kit", "about ceiling")]
    assert list(run_kit(kit(tmp_path, f"echo '{line}'"), "ceiling")) == [PEER]


def test_a_missing_kit_is_a_failure_with_its_reason(tmp_path):
    (failure,) = run_kit(tmp_path / "nowhere", "ceiling")
    assert "cannot be started" in failure.reason
    assert "run.sh" in failure.reason or "nowhere" in failure.reason


def test_what_is_measured_runs_without_the_variables_that_slow_it():
    environment = {"OPENBLAS_CORETYPE": "Haswell", "PATH": "/bin"}
    assert measured_environment(environment) == {"PATH": "/bin"}


def test_rates_count_all_calls_of_a_repeat_and_latencies_each():
    effort = shapes.Effort(repeats=3, min_seconds=0.02, calls=7, warmup_calls=2)
    calls = []
    found = rates(lambda: calls.append(1), 10.0, effort)
    assert len(found.values) == 3
    assert sum(found.values) * 0.02 <= 10.0 * len(calls)
    calls.clear()
    medians, tails = latencies(lambda: calls.append(1), effort)
    assert len(calls) == 7 + 3 * 7
    assert all(m <= t for m, t in zip(medians.values, tails.values, strict=True))
    assert len(seconds(lambda: None, 4).values) == 4


def test_functions_of_all_cases_exist_and_names_differ():
    for workload, found in cases.WORKLOADS.items():
        assert len({case.name for case in found}) == len(found)
        for case in found:
            assert case.workload == workload
            module, function = case.function.split(":")
            path = f"experiments.benchmarks.{module}"
            assert callable(getattr(importlib.import_module(path), function))
            assert cases.find_case(workload, case.name) is case


def test_a_bounded_workload_brings_the_ceiling():
    chosen = cases.chosen_cases(["ranker_train"], "100k")
    assert chosen[0].workload == "ceiling"
    assert {case.workload for case in chosen} == {"ceiling", "ranker_train"}
    assert [c.workload for c in cases.chosen_cases(["memory"], "")] == ["memory"]
    with pytest.raises(ValueError, match="No case has 'nothing' in its name"):
        cases.chosen_cases(["ranker_train"], "nothing")
    with pytest.raises(ValueError, match="Received: \\['tokenizers'\\]"):
        cases.chosen_cases(["tokenizers"], "")


def test_operations_of_a_vector_and_of_a_row():
    shape = shapes.TokenizerShape(
        dim=10, hidden_units=(4,), codebook_dim=3, num_codebooks=2, codebook_size=5
    )
    # Encoder 10-4-3 and decoder 3-4-10 have 52 multiply-adds each, the search 30.
    assert shape.encode_flops((4,), heads=1) == 2 * (52 + 30)
    assert shape.train_flops((4,), heads=1) == 6 * 104 + 2 * 30 - 2 * 40
    # Two heads: 10-4-6 has 64, and the decoder still 52.
    assert shape.encode_flops((4,), heads=2) == 2 * (64 + 30)
    ranker = shapes.RankerShape(
        num_codes=1, embedding_dim=2, hidden_units=(3,), num_layers=2
    )
    mlp = 10 * 3 + 3
    assert ranker.forward_macs("dcn_v2") == mlp + 2 * 100 + 10
    assert ranker.forward_macs("deepfm") == mlp + 20
    attention = 3 * 5 * 4 + 2 * 25 * 2
    assert ranker.forward_macs("autoint_plus") == mlp + 2 * attention + 10


def test_the_data_have_the_shares_they_are_said_to_have():
    shape = dataclasses.replace(shapes.TokenizerShape(), num_vectors=4_096)
    vectors = synthetic_data.item_vectors(shape)
    np.testing.assert_allclose(vectors.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.mean(np.square(vectors)), 1, rtol=1e-5)
    variances = np.linalg.svd(vectors, compute_uv=False) ** 2
    noise = variances[64:].sum() / variances.sum() * 768 / (768 - 64)
    assert noise == pytest.approx(0.10, abs=0.01)

    ranker = dataclasses.replace(shapes.RankerShape(), num_rows=65_536, items=5_000)
    log = synthetic_data.click_log(ranker, 10_000)
    assert 0.2 < log.label.mean() < 0.3
    rows = log.columns()
    assert all(len(column) == 65_536 for column in rows.values())
    np.testing.assert_array_equal(rows["codes"], log.codes[rows["item"]])
    counts = np.sort(np.bincount(log.item, minlength=5_000))[::-1]
    # Ids of a law r^-1.05: the first ten have well over a quarter of the rows.
    assert 0.25 < counts[:10].sum() / counts.sum() < 0.45


@pytest.mark.skipif("MOC_PEERS" not in os.environ, reason="MOC_PEERS names no kit")
def test_the_data_are_those_of_the_peers():
    path = pathlib.Path(os.environ["MOC_PEERS"]) / "workloads.py"
    spec = importlib.util.spec_from_file_location("workloads_of_peers", path)
    theirs = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = theirs
    spec.loader.exec_module(theirs)
    shape, ranker = shapes.TokenizerShape(), shapes.RankerShape()
    vectors = synthetic_data.item_vectors(shape)
    log = synthetic_data.click_log(ranker, ranker.users)
    assert synthetic_data.fingerprint(vectors, log) == theirs.fingerprint()
    same = theirs.TOKENIZER
    assert shape.train_flops(shape.hidden_units, 1) == same.train_flops
    assert shape.encode_flops(shape.hidden_units, 1) == same.encode_flops


def measured_with(attempts, monkeypatch):
    """What `session.measure` makes of a case's attempts, and how many it asked for."""
    asked = []

    def run_case(case, options, earlier):
        asked.append(case.name)
        return iter(attempts[len(asked) - 1])

    monkeypatch.setattr(session, "run_case", run_case)
    case = cases.Case("start_up", "imports", "start_up:measure_imports")
    records, failures = session.measure([case], [], None, lambda line: None)
    return records, failures, len(asked)


def test_a_void_figure_is_measured_again_and_the_last_attempt_counts(monkeypatch):
    attempts = [
        [record(value=1.0, other_cpu=0.2)],
        [record(value=2.0, other_cpu=0.01)],
        [record(value=3.0, other_cpu=0.0)],
    ]
    records, _, asked = measured_with(attempts, monkeypatch)
    assert [record.value for record in records] == [2.0]
    assert asked == 2


def test_what_stays_void_is_reported_as_void(monkeypatch):
    attempts = [[record(value=value, other_cpu=0.2)] for value in (1.0, 2.0, 3.0)]
    records, _, asked = measured_with(attempts, monkeypatch)
    assert [record.value for record in records] == [3.0]
    assert records[0].is_void
    assert asked == session.ATTEMPTS == 3


def test_a_case_that_fails_is_not_tried_again(monkeypatch):
    attempts = [[Failure("start_up", "imports", "It ended.")]]
    records, failures, asked = measured_with(attempts, monkeypatch)
    assert (records, len(failures), asked) == ([], 1, 1)
