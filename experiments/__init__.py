"""Binaries of moc_tf: `python -m experiments.quickstart --help`, and so on."""

import os

import absl.logging

# TensorFlow otherwise reports, as errors, that a machine has no GPU.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

absl.logging.set_verbosity(absl.logging.WARNING)  # --verbosity=0 shows more
