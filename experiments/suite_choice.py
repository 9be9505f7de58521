"""Which part of a suite is run."""

from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from experiments import suites
from experiments.code_suites import CODE_SUITES, DATA
from experiments.settings import indexer_setting, indexing_method
from moc_tf.training import Block, CodeBlock

AnyBlock = TypeVar("AnyBlock", Block, CodeBlock)


class Choice(NamedTuple, Generic[AnyBlock]):
    """Blocks of a suite.

    Attributes:
      blocks: what is run.
      part: a name for them that a folder can have; "" if they are the whole suite.
    """

    blocks: list[AnyBlock]
    part: str


def choose(
    suite: str,
    seeds: Sequence[int],
    datasets: Sequence[str] | None = None,
    models: Sequence[str] | None = None,
) -> Choice[Block]:
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
    data = data_named(datasets)
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
    return Choice(blocks, _part(values))


def choose_codes(
    suite: str, seeds: Sequence[int], datasets: Sequence[str] | None = None
) -> Choice[CodeBlock]:
    """The blocks of a suite of codes on these data sets.

    Args:
      suite: one of `CODE_SUITES`.
      seeds: of each indexer.
      datasets: as `choose` has them; None or none given: `code_suites.DATA`.

    Raises:
      ValueError: if a name is not known.
    """
    data = data_named(datasets) or list(DATA)
    methods = tuple(
        (name, indexing_method(name, count)) for name, count in CODE_SUITES[suite].cells
    )
    blocks = [
        CodeBlock(*pair, indexer_setting(*pair), methods, tuple(seeds)) for pair in data
    ]
    return Choice(blocks, "" if data == list(DATA) else _part(map(":".join, data)))


def data_named(names: Sequence[str] | None) -> list[tuple[str, str]]:
    """The data sets of these names, in the order of the suites; none for none."""
    known = {":".join(pair): pair for pair in (*suites.DATA, *suites.PLANTED)}
    _check("datasets", names, list(known))
    return [known[name] for name in known if name in (names or ())]


def _part(values: Iterable[str]) -> str:
    return "+".join(values).replace("/", "_").replace(":", "_")


def _data_of(block: Block) -> str:
    return f"{block.dataset}:{block.protocol}"


def _check(flag: str, given: Sequence[str] | None, known: Sequence[str]) -> None:
    if unknown := [name for name in given or () if name not in known]:
        raise ValueError(f"--{flag} must be among {known}. Received: {unknown}.")
