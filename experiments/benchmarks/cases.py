"""The measurements of each workload; each runs in a process of its own."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from experiments.benchmarks.measuring import Measured
from experiments.benchmarks.records import OURS, Record
from experiments.benchmarks.shapes import Scale

_PRECISIONS = ("float32", "mixed_bfloat16")
_MODELS = ("dcn_v2", "deepfm", "autoint_plus")
_USERS = ("100k", "1M", "4M")


@dataclasses.dataclass(frozen=True)
class Case:
    """One measurement.

    Attributes:
      workload: it belongs to.
      name: for people; different within the workload.
      function: "module:function" of this package; it takes a `Task` and yields records.
      options: what tells the case from others; part of its records' configuration.
    """

    workload: str
    name: str
    function: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Task:
    """A case, and what it needs to be measured.

    Attributes:
      case: the case.
      scale: sizes.
      earlier: what the workload's cases before this one have measured.
      data_dir: folder of real data, if any.
    """

    case: Case
    scale: Scale
    earlier: Sequence[Record] = ()
    data_dir: str | None = None

    def record(self, metric: str, measured: Measured, **config: Any) -> Record:
        """A record of ours; `config` is added to the case's options."""
        from moc_tf import __version__
        from moc_tf.cores import num_cores  # not above: it loads TensorFlow

        return Record.of(
            measured.values,
            peer=OURS,
            version=__version__,
            workload=self.case.workload,
            metric=metric,
            threads=num_cores(),
            config={"case": self.case.name, **self.case.options, **config},
            other_cpu=measured.other_cpu,
        )


def _tokenizer() -> Iterator[Case]:
    for form in ("shared latent", "default"):
        for precision in _PRECISIONS:
            options = {"form": form, "precision": precision, "input": "batches"}
            name = f"{form}, {precision}"
            yield Case("tokenizer_train", name, "tokenizer:train", options)
    for form in ("shared latent", "default"):
        options = {"form": form, "precision": "float32", "input": "array"}
        name = f"{form}, float32, shuffled from an array"
        yield Case("tokenizer_train", name, "tokenizer:train", options)
    for form in ("shared latent", "default"):
        for precision in _PRECISIONS:
            options = {"form": form, "precision": precision}
            name = f"{form}, {precision}"
            yield Case("tokenizer_encode", name, "tokenizer:encode", options)


def _quantizers() -> Iterator[Case]:
    # rq_kmeans first: what it takes is what moc gets.
    workload, function = "quantizer_quality", "quantizers:measure"
    for method in ("rq_kmeans", "pq"):
        yield Case(workload, method, function, {"quantizer": method})
    yield Case(workload, "opq", function, {"quantizer": "opq"})
    for method in ("moc", "concatenated_moc"):
        yield Case(workload, method, function, {"quantizer": method})


def _rankers() -> Iterator[Case]:
    def case(function: str, model: str, vocabulary: int, **more: str) -> Case:
        """`vocabulary` is the place of a size in `RankerShape.user_counts`."""
        size = f"{_USERS[vocabulary]} users"
        options = {"model": model, "optimizer": "lazy_adam", "fusion": "none", **more}
        return Case(
            "ranker_train",
            ", ".join([model, size, *more.values()]),
            f"rankers:{function}",
            {**options, "vocabulary": vocabulary},
        )

    for model in _MODELS:
        for vocabulary in range(3):
            yield case("train", model, vocabulary)
    yield case("train", "dcn_v2", 1, fusion="self_gating")
    for optimizer in ("adagrad", "adam"):
        for vocabulary in (0, 2):
            yield case("train", "deepfm", vocabulary, optimizer=optimizer)
    yield case("train_from_files", "dcn_v2", 0, input="files")
    yield case("train_from_files", "deepfm", 1, input="files")
    yield case("load", "no model", 0, input="loader alone")


def _prediction() -> Iterator[Case]:
    for model in _MODELS:
        options = {"model": model, "called": "tf.function"}
        yield Case("ranker_predict", model, "prediction:measure_model", options)
    for model in _MODELS:
        options = {"model": model, "called": "SavedModel"}
        name = f"{model}, SavedModel"
        yield Case("ranker_predict", name, "serving:measure_export", options)


def _reproduction() -> Iterator[Case]:
    workload = "reproduction"
    yield Case(workload, "runs of table1", "reproduction:measure")
    yield Case(workload, "indexer, 7 codes of moc", "reproduction:fit")
    for model in (*_MODELS, "xdeepfm"):
        options = {"model": model}
        yield Case(workload, f"{model}, 7 codes", "reproduction:train", options)


WORKLOADS: Mapping[str, Sequence[Case]] = {
    "ceiling": [Case("ceiling", "matrix products", "ceiling:measure")],
    "tokenizer_train": [c for c in _tokenizer() if c.workload == "tokenizer_train"],
    "tokenizer_encode": [c for c in _tokenizer() if c.workload == "tokenizer_encode"],
    "quantizer_quality": list(_quantizers()),
    "ranker_train": list(_rankers()),
    "ranker_predict": list(_prediction()),
    "start_up": [
        Case("start_up", "imports", "start_up:measure_imports"),
        Case("start_up", "help of each binary", "start_up:measure_help"),
    ],
    "memory": [Case("memory", "training on columns", "memory:measure")],
    "reproduction": list(_reproduction()),
    "growth": [
        Case("growth", axis, f"growth:measure_{axis}")
        for axis in (
            *("items", "codes", "codebook_size", "dim"),
            *("vocabulary", "fields", "batch"),
        )
    ],
}
# Whose figures the machine's ceiling bounds.
BOUNDED = ("tokenizer_train", "tokenizer_encode", "ranker_train", "ranker_predict")


def find_case(workload: str, name: str) -> Case:
    """The case of that name.

    Raises:
      ValueError: if there is none.
    """
    for case in WORKLOADS.get(workload, ()):
        if case.name == name:
            return case
    known = {key: [case.name for case in cases] for key, cases in WORKLOADS.items()}
    raise ValueError(
        f"There is no such case. Received: {name!r} of {workload!r}. Known: {known}."
    )


def chosen_cases(workloads: Iterable[str], only: str) -> list[Case]:
    """The cases of `workloads` whose names contain `only`; ceilings first.

    A workload that the machine's ceiling bounds brings the ceiling along.

    Raises:
      ValueError: if a workload is unknown, or no name contains `only`.
    """
    wanted = list(workloads)
    if unknown := [name for name in wanted if name not in WORKLOADS]:
        raise ValueError(
            f"Workloads must be among {list(WORKLOADS)}. Received: {unknown}."
        )
    if "ceiling" not in wanted and any(name in BOUNDED for name in wanted):
        wanted.append("ceiling")
    cases = [case for name in WORKLOADS if name in wanted for case in WORKLOADS[name]]
    kept = [case for case in cases if case.workload == "ceiling" or only in case.name]
    if all(case.workload == "ceiling" for case in kept) and only:
        names = [case.name for case in cases]
        raise ValueError(f"No case has {only!r} in its name. Cases: {names}.")
    return kept
