"""Binaries of moc_tf: `python -m experiments.quickstart --help`, and so on."""

import logging
import os

# TensorFlow otherwise reports, as errors, that a machine has no GPU.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# absl would otherwise show which build of faiss is tried before the right one.
logging.getLogger("faiss.loader").setLevel(logging.WARNING)
