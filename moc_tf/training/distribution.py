"""Devices and processes that share a training, by name."""

import functools
import itertools
import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.training.local_cluster import free_addresses

_servers: list[Any] = []  # of a cluster in this process; TensorFlow keeps none alive
_num_workers: dict[tf.distribute.Strategy, int] = {}  # of such clusters


class DistributionError(RuntimeError):
    """This machine, or this moment, does not allow for a distribution."""


def make_strategy(name: str, num_replicas: int = 2) -> tf.distribute.Strategy:
    """The strategy of that name; the same one however often it is asked for.

    Make it before TensorFlow does anything else: CPUs are split and processes are
    joined when TensorFlow starts. What was and was not run: "mirrored" and
    "multi_worker" on CPUs and "parameter_server" on a cluster in one process, by the
    tests; GPUs and a TPU have never been at hand.

    Args:
      name: one of
        "none": one device of this process.
        "mirrored": each step's batch is split over `num_replicas` GPUs, or, on a
          machine without, over parts of its CPU, which shows that a training can be
          split but makes it no faster.
        "multi_worker": the same over processes, each started with its place in the
          cluster in TF_CONFIG; see `run_local_workers` for some on this machine.
        "parameter_server": `num_replicas` workers of this process take steps on
          their own, each on batches of its own, with variables that they share.
          Steps do not wait for one another, so that with several workers results
          differ from run to run.
        "tpu": the TPU that TPU_NAME names, or that of this machine.
      num_replicas: of "mirrored" and "parameter_server"; the others count for
        themselves.

    Raises:
      ValueError: if the name is unknown or the number below 1.
      DistributionError: if the devices are missing, or TensorFlow has already started
        without them.
    """
    if name not in _MAKERS:
        raise ValueError(
            f"distribution must be one of {list(DISTRIBUTIONS)}. Received: {name!r}."
        )
    if num_replicas < 1:
        raise ValueError(f"num_replicas must be at least 1. Received: {num_replicas}.")
    return _make(name, num_replicas)


def fit_arguments(
    strategy: tf.distribute.Strategy,
    make_batches: Callable[[], tf.data.Dataset],
    steps: int,
) -> dict[str, Any]:
    """What Keras' `fit` must be given, so that `strategy` can share the batches.

    Args:
      strategy: of the model, made by `make_strategy`.
      make_batches: makes the data set of an epoch.
      steps: batches of an epoch.
    """
    if isinstance(strategy, tf.distribute.ParameterServerStrategy):
        num_workers = _num_workers[strategy]
        workers = itertools.count()

        def of_a_worker(_: Any) -> tf.data.Dataset:
            # TensorFlow tells each worker that there is no other, and all would take
            # the same batches. Those of `make_strategy` are in this process, so that
            # they can be counted.
            place = tf.numpy_function(lambda: next(workers), [], tf.int64)
            # Workers run ahead of one another, so that none may come to an end.
            return make_batches().repeat().shard(num_workers, place % num_workers)

        endless = keras.utils.experimental.DatasetCreator(of_a_worker)
        return {"x": endless, "steps_per_epoch": steps}
    batches = make_batches()
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        # Every worker gets rows of each batch; TensorFlow would look for files first.
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.DATA
        )
        batches = batches.with_options(options)
    return {"x": batches}


def steps_in_one_go(strategy: tf.distribute.Strategy, wanted: int) -> int:
    """`wanted` steps, but one alone where replicas wait for one another.

    Inside of the loop that runs several, TensorFlow 2.21 lets the sizes that replicas
    exchange for one step meet those of the next; where the last batch is split
    unevenly, training then stops with a shape mismatch of a collective.
    """
    in_step = tf.distribute.MirroredStrategy | tf.distribute.MultiWorkerMirroredStrategy
    return 1 if isinstance(strategy, in_step) else wanted


def agreed(value: float, strategy: tf.distribute.Strategy) -> float:
    """The `value` of the first worker, which all workers receive.

    Every worker must call it; none returns before all have. With a single process
    it is `value` itself.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return value

    @tf.function
    def share(value: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        is_first = context.replica_id_in_sync_group == 0
        mine = tf.where(is_first, value, tf.zeros_like(value))
        return context.all_reduce(tf.distribute.ReduceOp.SUM, mine)

    shared = strategy.run(share, args=(tf.constant(value, tf.float64),))
    return float(strategy.experimental_local_results(shared)[0])


def wait_for_all(strategy: tf.distribute.Strategy) -> None:
    """Returns once every worker has come here; at once with a single process."""
    agreed(0.0, strategy)


def writes(strategy: tf.distribute.Strategy) -> bool:
    """Does this process write files? Of several workers, the first alone does."""
    return bool(strategy.extended.should_checkpoint)


@functools.cache
def _make(name: str, num_replicas: int) -> tf.distribute.Strategy:
    return _MAKERS[name](num_replicas)


def _none(_: int) -> tf.distribute.Strategy:
    return tf.distribute.get_strategy()


def _mirrored(num_replicas: int) -> tf.distribute.Strategy:
    if gpus := tf.config.list_physical_devices("GPU"):
        if len(gpus) < num_replicas:
            raise DistributionError(
                f"'mirrored' over {num_replicas} replicas needs as many GPUs. "
                f"Received: a machine with {len(gpus)}. Ask for fewer replicas, or "
                "hide the GPUs with CUDA_VISIBLE_DEVICES=-1 to split the CPU."
            )
        return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(num_replicas)])
    (cpu, *_) = tf.config.list_physical_devices("CPU")
    try:
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * num_replicas
        )
    except RuntimeError as error:
        raise DistributionError(
            f"The CPU cannot be split into {num_replicas} replicas once TensorFlow has "
            "started. Call make_strategy('mirrored', ...) before anything else."
        ) from error
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(num_replicas)])


def _multi_worker(_: int) -> tf.distribute.Strategy:
    if "TF_CONFIG" not in os.environ:
        raise DistributionError(
            "'multi_worker' needs to know the other workers, and TF_CONFIG is not set. "
            'Start each worker with TF_CONFIG=\'{"cluster": {"worker": '
            '["host-a:12345", "host-b:12345"]}, "task": {"type": "worker", '
            '"index": 0}}\', or several on this machine with run_local_workers.'
        )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise DistributionError(
            "Workers cannot be joined once TensorFlow has started. Call "
            "make_strategy('multi_worker') before anything else."
        ) from error


def _parameter_server(num_workers: int) -> tf.distribute.Strategy:
    if "TF_CONFIG" in os.environ:
        raise DistributionError(
            "'parameter_server' makes a cluster in this process and joins no other: "
            "the rows of a training are held by one process. Received: a TF_CONFIG. "
            "Unset it, or use 'multi_worker' for training in several processes."
        )
    addresses = free_addresses(num_workers + 1)
    cluster = tf.train.ClusterSpec({"worker": addresses[1:], "ps": addresses[:1]})
    settings = tf.compat.v1.ConfigProto()
    # Waiting holds a thread: of a variable, of the next batch, of Python's lock. With
    # few of them, all can come to wait for one another on a busy machine.
    settings.inter_op_parallelism_threads = 16 + 4 * num_workers
    for job in cluster.jobs:
        for index in range(cluster.num_tasks(job)):
            server = tf.distribute.Server(cluster, job, index, config=settings)
            _servers.append(server)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        cluster, rpc_layer="grpc"
    )
    strategy = tf.distribute.ParameterServerStrategy(resolver)
    _num_workers[strategy] = num_workers
    return strategy


def _tpu(_: int) -> tf.distribute.Strategy:
    name = os.environ.get("TPU_NAME")
    if name is None and tf.config.list_physical_devices("TPU"):
        name = "local"
    if name is None:
        raise DistributionError(
            "'tpu' found no TPU on this machine, and TPU_NAME names none. Set TPU_NAME "
            "to the name or the grpc:// address of one."
        )
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(name)
        if name != "local":
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise DistributionError(
            f"The TPU {name!r} could not be reached or started: {error}"
        ) from error
    return tf.distribute.TPUStrategy(resolver)


_MAKERS: dict[str, Callable[[int], tf.distribute.Strategy]] = {
    "none": _none,
    "mirrored": _mirrored,
    "multi_worker": _multi_worker,
    "parameter_server": _parameter_server,
    "tpu": _tpu,
}
DISTRIBUTIONS = tuple(_MAKERS)
