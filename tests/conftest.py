"""What holds for all tests: their processes do not fight for cores, and Keras is 2."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # A process a core: with more threads than cores, kernels wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import moc_tf  # noqa: F401
