"""Which part of a suite is run."""

from collections.abc import Sequence
from typing import NamedTuple

from experiments import suites
from moc_tf.training import Block


class Choice(NamedTuple):
    """Blocks of a suite.

    Attributes:
      blocks: what is run.
      part: a name for them that a folder can have; "" if they are the whole suite.
    """

    blocks: list[Block]
    part: str


def choose(
    suite: str,
    seeds: Sequence[int],
    datasets: Sequence[str] | None = None,
    models: Sequence[str] | None = None,
) -> Choice:
    """The blocks of a suite on these data sets and with these rankers.

    Args:
      suite: one of `suites.SUITES`.
      seeds: of each configuration.
      datasets: data set and protocol, such as "amazon/beauty:rating"; None or none
        given: those of the suite. Their order does not matter.
      models: names of rankers; None or none given: those of the suite.

    Raises:
      ValueError: if a name is not known, or the suite has no runs for it.
    """
    make = suites.SUITES[suite]
    whole = list(make(suites.DATA, seeds))
    known = {":".join(pair): pair for pair in (*suites.DATA, *suites.PLANTED)}
    _check("datasets", datasets, list(known))
    data = [known[name] for name in known if name in datasets] if datasets else None
    on_data = list(make(data or suites.DATA, seeds))
    used = list(dict.fromkeys(map(_data_of, on_data)))
    if datasets and len(used) < len(set(datasets)):
        raise ValueError(
            f"Suite {suite!r} runs on a single data set, so --datasets must name "
            f"one. Received: {list(datasets)}."
        )
    _check("models", models, list(dict.fromkeys(b.ranker.model for b in whole)))
    blocks = [block for block in on_data if not models or block.ranker.model in models]
    if blocks == whole:
        return Choice(blocks, "")
    values = []
    if on_data != whole:
        values += used
    if blocks != on_data:
        values += dict.fromkeys(block.ranker.model for block in blocks)
    return Choice(blocks, "+".join(values).replace("/", "_").replace(":", "_"))


def _data_of(block: Block) -> str:
    return f"{block.dataset}:{block.protocol}"


def _check(flag: str, given: Sequence[str] | None, known: Sequence[str]) -> None:
    if unknown := [name for name in given or () if name not in known]:
        raise ValueError(f"--{flag} must be among {known}. Received: {unknown}.")
