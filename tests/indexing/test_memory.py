"""Encoding a memory map takes the memory of a few batches, whatever its length."""

import os
import subprocess
import sys

import numpy as np
import pytest

from moc_tf.indexing import make_indexer

DIM = 768
MIB = 2**20

SCRIPT = """
import resource, sys
import numpy as np
from moc_tf.indexing import load_indexer

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

indexer = load_indexer(sys.argv[1])
vectors = np.load(sys.argv[2], mmap_mode="r")
indexer.encode(np.array(vectors[:8192]))
before = peak()
codes = indexer.encode(vectors[: int(sys.argv[3])])
print(len(codes), peak() - before, codes[:: len(codes) // 100].sum())
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("indexer")
    vectors = np.random.default_rng(0).normal(size=(2000, DIM)).astype(np.float32)
    indexer = make_indexer("moc", num_codebooks=7, codebook_size=256, epochs=1)
    indexer.fit(vectors).save(folder / "indexer")
    return folder / "indexer"


def write_vectors(path, rows):
    block = np.random.default_rng(1).normal(size=(10_000, DIM)).astype(np.float32)
    file = np.lib.format.open_memmap(path, "w+", np.float32, (rows, DIM))
    for start in range(0, rows, len(block)):
        file[start : start + len(block)] = block[: rows - start]
    file.flush()


def growth(saved, path, rows):
    """Bytes that encoding `rows` rows adds to the peak of resident memory."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(saved), str(path), str(rows)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    encoded, added, _ = map(int, done.stdout.split())
    assert encoded == rows
    return added


def test_memory_does_not_grow_with_the_map(saved, tmp_path):
    write_vectors(tmp_path / "vectors.npy", 60_000)  # 176 MiB
    assert growth(saved, tmp_path / "vectors.npy", 60_000) < 80 * MIB


@pytest.mark.slow
def test_a_million_vectors_take_no_more_than_a_quarter(saved, tmp_path):
    write_vectors(tmp_path / "vectors.npy", 1_000_000)  # 2.9 GiB
    quarter = growth(saved, tmp_path / "vectors.npy", 250_000)
    whole = growth(saved, tmp_path / "vectors.npy", 1_000_000)
    print(f"added: {quarter / MIB:.0f} MiB at 250,000, {whole / MIB:.0f} at 1,000,000")
    # The codes themselves are 28 bytes an item, and a quarter more while joined.
    assert whole - quarter < 750_000 * 40 + 32 * MIB
    assert whole < 250 * MIB
