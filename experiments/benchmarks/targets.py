"""What was aimed at, and whether the figures reach it."""

import dataclasses
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from experiments.benchmarks.comparison import Row


@dataclasses.dataclass(frozen=True)
class Target:
    """A bound on a figure.

    Attributes:
      about: what it says, for people.
      workload: of the figure.
      metric: of the figure.
      config: what its configuration has.
      of: "ratio", to the best peer; "share", of the floor; or "value".
      at_least: the lower bound; None if there is none.
      at_most: the upper bound; None if there is none.
      over: of another figure of the workload, by whose value this one's is divided.
    """

    about: str
    workload: str
    metric: str
    config: Mapping[str, Any]
    of: str
    at_least: float | None = None
    at_most: float | None = None
    over: Mapping[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Of a target.

    Attributes:
      target: the target.
      figure: the worst of those it is about; None if one of them is missing or void.
      met: whether it is within the bounds; None without a figure.
    """

    target: Target
    figure: float | None
    met: bool | None


def judge(rows: Sequence[Row]) -> list[Verdict]:
    """A verdict on each target whose workload has a row."""
    measured = {row.ours.workload for row in rows}
    return [_verdict(t, rows) for t in TARGETS if t.workload in measured]


def _verdict(target: Target, rows: Sequence[Row]) -> Verdict:
    figures = [_figure(target, row) for row in _about(target, target.config, rows)]
    if target.over is not None:
        others = [_figure(target, r) for r in _about(target, target.over, rows)]
        if len(figures) == len(others) == 1 and all((*figures, *others)):
            figures = [figures[0] / others[0]]  # type: ignore[operator]
        else:
            figures = []
    known = [figure for figure in figures if figure is not None]
    if not known or len(known) < len(figures):
        return Verdict(target, None, None)
    worst = max(known) if target.at_most is not None else min(known)
    within: Callable[[float, float], bool] = operator.le
    met = target.at_least is None or within(target.at_least, worst)
    return Verdict(
        target, worst, met and (target.at_most is None or within(worst, target.at_most))
    )


def _about(target: Target, config: Mapping[str, Any], rows: Sequence[Row]) -> list[Row]:
    return [
        row
        for row in rows
        if (row.ours.workload, row.ours.metric) == (target.workload, target.metric)
        and row.ours.has(config)
    ]


def _figure(target: Target, row: Row) -> float | None:
    if row.ours.is_void:
        return None
    return {"ratio": row.ratio, "share": row.share, "value": row.ours.value}[target.of]


def _training(model: str, vocabulary: int = 1, **config: Any) -> dict[str, Any]:
    return {
        "model": model,
        "vocabulary": vocabulary,
        "fusion": "none",
        "optimizer": "lazy_adam",
        "input": None,  # batches that lie ready
        **config,
    }


def _targets() -> list[Target]:
    found = []
    compared = {"form": "shared latent", "input": "batches"}
    vectors, examples = "vectors_per_s", "examples_per_s"
    single, half = {"precision": "float32"}, {"precision": "mixed_bfloat16"}
    train, encode = "tokenizer_train", "tokenizer_encode"
    for about, workload, config, of, bound in (
        ("training, float32", train, {**compared, **single}, "ratio", 1.6),
        ("training, float32", train, {**compared, **single}, "share", 0.8),
        ("training, bfloat16", train, {**compared, **half}, "ratio", 2.0),
        (
            "encoding, float32",
            encode,
            {"form": "shared latent", **single},
            "ratio",
            2.2,
        ),
        ("encoding, bfloat16", encode, {"form": "shared latent", **half}, "ratio", 3.5),
    ):
        found.append(Target(f"tokenizer {about}", workload, vectors, config, of, bound))
    of_method: dict[str, dict[str, Any]] = {
        "rq_kmeans": {"quantizer": "rq_kmeans"},
        "opq": {"quantizer": "opq"},
        "pq": {"quantizer": "pq"},
    }
    for name, config in of_method.items():
        about = f"error of {name} is faiss'"
        quality = ("quantizer_quality", "relative_mse")
        found.append(Target(about, *quality, config, "ratio", 0.99))
    for name in ("pq", "opq"):
        about = f"error of moc over that of {name}, in the seconds of RQ"
        found.append(
            Target(
                about,
                *quality,
                {"quantizer": "moc"},
                "value",
                at_most=1.0,
                over=of_method[name],
            )
        )
    for model, bound in (("dcn_v2", 1.75), ("deepfm", 2.0), ("autoint_plus", 5.0)):
        about = f"training of {model}, 1M users"
        found.append(
            Target(about, "ranker_train", examples, _training(model), "ratio", bound)
        )
    for model in ("dcn_v2", "deepfm", "autoint_plus"):
        about = f"training of {model}, 4M users over 100k"
        most, least = _training(model, 2), _training(model, 0)
        found.append(
            Target(about, "ranker_train", examples, most, "value", 0.9, over=least)
        )
    found += [
        Target(
            "training from files over ready batches",
            "ranker_train",
            "share_of_ready",
            {"input": "files"},
            "value",
            0.95,
        ),
        Target(
            "prediction, batches of 4,096",
            "ranker_predict",
            examples,
            {"called": "tf.function"},
            "ratio",
            1.0,
        ),
    ]
    for rows, metric, most in ((256, "p99_ms", 1.0), (1, "p50_ms", 0.5)):
        about = f"SavedModel, batch {rows}, {metric.replace('_', ', ')}"
        config = {"called": "SavedModel", "request": "ids", "batch": rows}
        found.append(
            Target(about, "ranker_predict", metric, config, "value", at_most=most)
        )
    imports = {"what": "import moc_tf"}
    shown = {"case": "help of each binary"}
    for about, config, most in (
        ("`import moc_tf` over TensorFlow's, seconds", imports, 0.3),
        ("the slowest --help, seconds", shown, 1.0),
    ):
        found.append(
            Target(about, "start_up", "seconds", config, "value", at_most=most)
        )
    found.append(
        Target(
            "hours of all 1,400 runs of table1",
            "reproduction",
            "table1_hours",
            {},
            "value",
            at_most=3.0,
        )
    )
    found.append(
        Target(
            "peak memory over data and model",
            "memory",
            "peak_share",
            {},
            "value",
            at_most=2.0,
        )
    )
    return found


TARGETS = _targets()
