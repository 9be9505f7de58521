"""Devices and processes that share a training, by name."""

import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from moc_tf.training.local_cluster import free_addresses

_servers: list[Any] = []  # of a cluster in this process; TensorFlow keeps none alive


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
          their own, each on the batch that is next, with variables that they share.
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
    batches = make_batches()
    if isinstance(strategy, tf.distribute.ParameterServerStrategy):
        coordinator = _Coordinator(strategy)  # the one that there is
        return {"x": coordinator.shared_out(batches), "steps_per_epoch": steps}
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
    # All servers of a process answer with the threads of one pool, whose size the
    # first server sets for good. A step holds one until it is done, and a batch until
    # it is Python's turn; both need others to go on. They are two for each worker.
    settings.inter_op_parallelism_threads = 16 + 4 * num_workers
    for job in cluster.jobs:
        for index in range(cluster.num_tasks(job)):
            server = tf.distribute.Server(cluster, job, index, config=settings)
            _servers.append(server)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        cluster, rpc_layer="grpc"
    )
    strategy = tf.distribute.ParameterServerStrategy(resolver)
    _Coordinator(strategy)  # before Keras makes one of its own
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


class _Coordinator(tf.distribute.coordinator.ClusterCoordinator):
    """Lets workers take batches from one row, and never takes an iterator from them.

    TensorFlow 2.21 deletes an iterator under a lock of its server, and a generator in
    it first runs a function to its end, for which it needs a thread of the servers'
    pool. Deletions of other results hold such threads as they wait for the lock. Where
    they hold all, no server answers again; they can be more than any number of
    threads. So workers get no generator, and an iterator that stays: one for each kind
    of batch, for all trainings.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        super().__init__(strategy)
        # TensorFlow gives out one object for a strategy and calls this each time.
        if not hasattr(self, "_kept"):
            self._kept: list[_KeptDataset] = []
            self._batches: Iterator[Any] = iter(())

    def shared_out(self, batches: tf.data.Dataset) -> Any:
        """A data set for Keras: `batches` over and over, each for one of the workers.

        Whichever worker is ready takes the next. However far they run ahead of one
        another, the steps of an epoch see every row once, and the passes of a data set
        that numbers them (`make_batches`) follow one another.
        """
        self._batches = iter(batches.repeat())
        spec = batches.element_spec
        for kept in self._kept:
            if kept.spec == spec:
                return kept.distributed
        flat = tf.nest.flatten(spec)

        def take() -> list[Any]:
            return [part.numpy() for part in tf.nest.flatten(next(self._batches))]

        def taken(_: tf.Tensor) -> Any:
            parts = tf.numpy_function(take, [], [part.dtype for part in flat])
            for part, known in zip(parts, flat, strict=True):
                part.set_shape(known.shape)
            return tf.nest.pack_sequence_as(spec, parts)

        distributed = self.strategy.distribute_datasets_from_function(
            lambda _: tf.data.Dataset.counter().map(taken),
            # A worker that took batches in advance would keep them from the others.
            tf.distribute.InputOptions(experimental_per_replica_buffer_size=0),
        )
        per_worker = super().create_per_worker_dataset(distributed)
        self._kept.append(_KeptDataset(spec, distributed, per_worker))
        return distributed

    def create_per_worker_dataset(self, dataset_fn: Any) -> Any:
        """What Keras calls for the data of a `fit`."""
        for kept in self._kept:
            if kept.distributed is dataset_fn:
                return kept
        return super().create_per_worker_dataset(dataset_fn)


class _KeptDataset:
    """A data set of workers that has one iterator, however often it is asked for."""

    def __init__(self, spec: Any, distributed: Any, per_worker: Any):
        self.spec = spec
        self.distributed = distributed
        self._per_worker = per_worker
        self._iterator: Any = None

    def __iter__(self) -> Any:
        if self._iterator is None:
            self._iterator = iter(self._per_worker)
        return self._iterator


_MAKERS: dict[str, Callable[[int], tf.distribute.Strategy]] = {
    "none": _none,
    "mirrored": _mirrored,
    "multi_worker": _multi_worker,
    "parameter_server": _parameter_server,
    "tpu": _tpu,
}
DISTRIBUTIONS = tuple(_MAKERS)
