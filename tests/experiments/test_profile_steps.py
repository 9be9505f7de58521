import subprocess
import sys

import pytest
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from experiments.benchmarks import op_profile
from experiments.benchmarks.op_profile import (
    ELEMENTWISE,
    kind_of,
    profiled,
    read_shares,
    shares_of,
)
from experiments.benchmarks.profile_table import profile_table


def test_shares_are_of_kinds_and_add_up():
    shares = shares_of(
        {"_MklMatMul": 3.0, "BatchMatMulV2": 1.0, "Relu": 0.5, "ResourceGather": 0.5},
        {"_MklMatMul": 30, "BatchMatMulV2": 5, "Relu": 7, "ResourceGather": 2},
    )
    first, *others = shares
    assert (first.kind, first.seconds, first.share) == ("matrix products", 4.0, 0.8)
    assert first.calls == 35
    assert sorted(share.kind for share in others) == sorted(
        [ELEMENTWISE, "gathers and scatters"]
    )
    assert sum(share.share for share in shares) == pytest.approx(1)


def test_a_sum_over_sparse_parts_is_no_matrix_product():
    assert kind_of("SparseTensorDenseMatMul") == "gathers and scatters"
    assert kind_of("_MklNativeFusedMatMul") == "matrix products"


def test_a_trace_counts_each_operation_that_was_run(tmp_path):
    ones = tf.ones([64, 64])

    @tf.function
    def products(x):
        for _ in range(5):
            x = tf.nn.relu(tf.matmul(x, ones))
        return tf.argmax(x, axis=1)

    products(ones)
    with profiled(tmp_path / "shares.json"):
        for _ in range(3):
            products(ones)
    calls = {share.kind: share.calls for share in read_shares(tmp_path / "shares.json")}
    assert calls["matrix products"] == 15
    assert calls["argmax"] == 3


def test_what_an_operation_calls_is_not_its_own_time(tmp_path):
    space = xplane_pb2.XSpace()
    plane = space.planes.add(name="/host:CPU")
    for key, name in enumerate(["outer:While", "inner:MatMul", "waits"]):
        plane.event_metadata[key].name = name
    line = plane.lines.add(name="tf_Compute/1")
    second = 10**12  # picoseconds
    for key, start, length in ((0, 0, 10), (1, 2, 3), (1, 6, 1), (2, 10, 5)):
        line.events.add(
            metadata_id=key, offset_ps=start * second, duration_ps=length * second
        )
    (tmp_path / "trace").write_bytes(space.SerializeToString())
    seconds, calls = op_profile._totals(tmp_path / "trace")
    assert seconds == pytest.approx({"While": 6.0, "MatMul": 4.0})
    assert calls == {"While": 1, "MatMul": 2}


def test_the_table_has_a_row_a_case():
    profiles = {
        ("train", "a"): shares_of(
            {"MatMul": 3.0, "Relu": 1.0}, {"MatMul": 1, "Relu": 1}
        ),
        ("train", "b"): shares_of({"MatMul": 1.0}, {"MatMul": 1}),
    }
    lines = profile_table(profiles).splitlines()
    assert lines[0] == f"| workload | case | matrix products | {ELEMENTWISE} |"
    assert lines[2] == "| train | a | 75% | 25% |"
    assert lines[3] == "| train | b | 100% | 0% |"


@pytest.mark.slow
def test_the_binary_profiles_a_case(tmp_path):
    out = tmp_path / "new" / "profiles.md"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "experiments.profile_steps", "--scale=tiny"),
            *("--workloads=tokenizer_train", f"--out={out}"),
            "--only=shared latent, mixed_bfloat16",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| tokenizer_train | shared latent, mixed_bfloat16 |" in out.read_text()
    assert "matrix products" in out.read_text()
    assert out.read_text() in done.stdout
