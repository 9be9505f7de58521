"""How many cores this process may use."""

import os

import tensorflow as tf


def num_cores() -> int:
    """Cores that this process may run on; in a container fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def num_threads() -> int:
    """Threads that TensorFlow's kernels share: as many as it was told, or the cores."""
    return tf.config.threading.get_intra_op_parallelism_threads() or num_cores()
