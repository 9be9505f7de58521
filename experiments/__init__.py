"""Binaries of moc_tf: `python -m experiments.quickstart --help`, and so on."""

import os

import absl.logging

from moc_tf.freed_memory import keep_freed_memory

# TensorFlow otherwise reports, as errors, that a machine has no GPU.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

keep_freed_memory()

absl.logging.set_verbosity(absl.logging.WARNING)  # --verbosity=0 shows more
