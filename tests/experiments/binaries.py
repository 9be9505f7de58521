"""Runs binaries as a person does, and writes small data for them."""

import gzip
import json
import pathlib
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
ITEMS, USERS, ROWS = 60, 30, 1_500


def run(module, *arguments, check=True):
    """Runs a binary in a process of its own."""
    process = subprocess.run(
        [sys.executable, "-m", f"experiments.{module}", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if check:
        assert process.returncode == 0, process.stderr
    return process


def write_release(folder):
    """Writes made-up files in the layout of the Amazon 2014 release, with vectors."""
    random = np.random.default_rng(0)
    with gzip.open(folder / "reviews_Beauty_5.json.gz", "wt") as reviews:
        for row in range(ROWS):
            review = {
                "reviewerID": f"user-{random.integers(USERS)}",
                "asin": f"item-{random.integers(ITEMS)}",
                "overall": float(random.integers(1, 6)),
                "unixReviewTime": 1_400_000_000 + row,
            }
            reviews.write(json.dumps(review) + "\n")
    with gzip.open(folder / "meta_Beauty.json.gz", "wt") as metadata:
        for item in range(ITEMS):
            record = {"asin": f"item-{item}", "title": "soap", "brand": f"b{item % 3}"}
            metadata.write(f"{record!r}\n")
    np.savez(
        folder / "item_embeddings_Beauty.npz",
        item_id=np.array([f"item-{item}" for item in range(ITEMS)]),
        embedding=random.standard_normal((ITEMS, 24)).astype(np.float16),
    )
