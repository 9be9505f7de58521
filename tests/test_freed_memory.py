"""Memory that a step frees is there for the next one."""

import os
import platform
import subprocess
import sys

import pytest

from moc_tf.freed_memory import keep_freed_memory

_CHOSEN = ("MALLOC_", "GLIBC_TUNABLES")  # by who runs the tests

# What TensorFlow's threads do: a step allocates, touches and frees its tensors.
_STEPS = """
import ctypes, resource, threading
import moc_tf.freed_memory

libc = ctypes.CDLL(None)
for call in {calls}:
    if call == "keep":
        assert moc_tf.freed_memory.keep_freed_memory()
    else:
        libc.mallopt(-1, 128 * 1024)  # M_TRIM_THRESHOLD, as TensorFlow sets it
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]

def steps(count):
    for _ in range(count):
        blocks = [libc.malloc(1_000_000) for _ in range(20)]
        for block in blocks:
            ctypes.memset(block, 1, 1_000_000)
        for block in reversed(blocks):
            libc.free(block)

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def measured():
    steps(3)
    before = faults()
    steps(20)
    print((faults() - before) / 20)

measured()
thread = threading.Thread(target=measured)
thread.start()
thread.join()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_the_next_step_has_no_page_faults() -> None:
    pages = 20 * 1_000_000 / 4096
    # Or else there would be nothing to keep.
    assert min(_faults_a_step("TensorFlow")) > 0.5 * pages
    for calls in (["keep"], ["keep", "TensorFlow"], ["TensorFlow", "keep"]):
        assert max(_faults_a_step(*calls)) < 0.02 * pages


def test_a_library_without_the_call_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())

    assert not keep_freed_memory()


def _faults_a_step(*calls: str) -> list[float]:
    """In the main thread, and in another one, which has a heap of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _STEPS.format(calls=calls)],
        check=True,
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith(_CHOSEN)},
    )
    return [float(line) for line in done.stdout.split()]
