"""What a suite consists of, and what it tells as it goes."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from moc_tf.training.methods import Method
from moc_tf.training.ranker_config import RankerConfig


@dataclasses.dataclass(frozen=True)
class Block:
    """A comparison of a suite.

    Attributes:
      dataset: its name, as the suite's `load` knows it.
      protocol: "rating", "implicit" or "click".
      ranker: settings of the ranker.
      indexer: settings of the indexers, (name, value) each.
      methods: what is compared.
      seeds: of the runs.
    """

    dataset: str
    protocol: str
    ranker: RankerConfig
    indexer: tuple[tuple[str, Any], ...]
    methods: tuple[Method, ...]
    seeds: tuple[int, ...]


class SettingsApart(NamedTuple):
    """What tells a block from others of the same data set, protocol and ranker.

    Attributes:
      ranker: settings of the ranker.
      indexer: settings of the indexers.
    """

    ranker: Mapping[str, Any]
    indexer: Mapping[str, Any]


def settings_apart(blocks: Sequence[Block]) -> list[SettingsApart]:
    """The settings that tell each of the blocks of a suite from the others.

    Those in which data sets or rankers differ are none.
    """
    whole = [
        SettingsApart(dataclasses.asdict(b.ranker), dict(b.indexer)) for b in blocks
    ]
    apart = []
    for block, settings in zip(blocks, whole, strict=True):
        kinds = zip(map(_kind, blocks), whole, strict=True)
        alike = [others for kind, others in kinds if kind == _kind(block)]
        told = (
            {k: v for k, v in mine.items() if any(v != each.get(k) for each in theirs)}
            for mine, theirs in zip(settings, zip(*alike, strict=True), strict=True)
        )
        apart.append(SettingsApart(*told))
    return apart


def _kind(block: Block) -> tuple[str, str, str]:
    return block.dataset, block.protocol, block.ranker.model


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a suite.

    Attributes:
      block: which block it is of.
      method: what the ranker knows of the items.
      seed: of indexer, initial weights and order.
    """

    block: int
    method: Method
    seed: int


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Told after each run, and, before the first, after each indexer.

    Attributes:
      run: which one; one of those that read the indexer.
      row: its row of results.jsonl; None if it failed, and of an indexer.
      error: the traceback of a run that failed; "" of one that did not.
      of_indexer: does it tell of an indexer? Then `done` and `total` count these.
      resumed: was it done before, here or elsewhere?
      done: runs finished or failed so far.
      total: runs of the suite.
      seconds: since the suite began.
      seconds_left: at the pace so far; None before there is one.
    """

    run: Run
    row: dict[str, Any] | None
    error: str
    of_indexer: bool
    resumed: bool
    done: int
    total: int
    seconds: float
    seconds_left: float | None
