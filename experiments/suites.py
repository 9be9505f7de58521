"""The suites of the evidence: what is run for each table."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

from experiments import settings
from moc_tf.training import Block, Method
from moc_tf.training.methods import MOC_VARIANTS

RANKERS = ("deepfm", "dcn_v2", "autoint_plus", "xdeepfm")
SCALES = (2, 3, 7)
# Sports lacks ratings.
DATA = (
    ("amazon/beauty", "rating"),
    ("amazon/toys_and_games", "rating"),
    ("amazon/beauty", "implicit"),
    ("amazon/sports_and_outdoors", "implicit"),
    ("amazon/toys_and_games", "implicit"),
)
PLANTED = (("planted", "rating"),)
_NONE = Method("none", 0)
_SCALED = (
    *(Method(name, n) for name in ("me", "rq_vae", "moc") for n in SCALES),
    *(Method("moc", n, "diverse") for n in SCALES),
)

Data = Sequence[tuple[str, str]]


def _block(
    data: tuple[str, str],
    model: str,
    methods: Sequence[Method],
    seeds: Sequence[int],
    **changes: str,
) -> Block:
    setting = settings.setting(*data, model)
    ranker = dataclasses.replace(setting.ranker, **changes)
    indexer = settings.indexer_setting(*data)
    return Block(*data, ranker, indexer, tuple(methods), tuple(seeds))


def with_methods(block: Block, methods: Sequence[Method]) -> Block:
    """The block with other methods."""
    return dataclasses.replace(block, methods=tuple(methods))


def _table1(data: Data, seeds: Sequence[int]) -> Iterator[Block]:
    """Rankers with every method at every scale: the paper's main table."""
    methods = (_NONE, Method("vq", 1), *_SCALED)
    for which in data:
        for model in RANKERS:
            yield _block(which, model, methods, seeds)


def _table2(data: Data, seeds: Sequence[int]) -> Iterator[Block]:
    """Fusions of the codes of every method at every scale, in DCNv2."""
    from moc_tf.ranking import fusion

    for which in data:
        yield _block(which, "dcn_v2", (_NONE, *_SCALED), seeds)
        for name in fusion.names():
            if name != "self_gating":  # which is the default
                yield _block(which, "dcn_v2", _SCALED, seeds, fusion=name)


def _figure4(data: Data, seeds: Sequence[int]) -> Iterator[Block]:
    """Spectra of the code embeddings of every method and scale, in DCNv2."""
    yield _block(data[0], "dcn_v2", (Method("vq", 1), *_SCALED), seeds)


def _reviewers(data: Data, seeds: Sequence[int]) -> Iterator[Block]:
    """Controls, other quantisers, other forms of moc, and more codes, in DCNv2."""
    others = ("id_me", "adaptor", "random", "pq", "opq", "rq_kmeans", "rq_gmm")
    methods = (
        _NONE,
        Method("vq", 1),
        *(Method(name, 7) for name in (*others, "me", "rq_vae", "moc")),
        *(Method("moc", 7, variant) for variant in MOC_VARIANTS),
        Method("moc", 7, "shuffled"),
        *(Method("moc", n) for n in (4, 8, 16, 32)),
        *(Method("moc", n, "concatenated") for n in (4, 8, 16, 32)),
    )
    for which in data:
        yield _block(which, "dcn_v2", methods, seeds)


def _headline(data: Data, seeds: Sequence[int]) -> Iterator[Block]:
    """The smallest set that shows the claim: DCNv2 on the first data set."""
    at_seven = (Method(name, 7) for name in ("me", "rq_vae", "moc"))
    methods = (_NONE, Method("vq", 1), *at_seven, Method("moc", 7, "diverse"))
    yield _block(data[0], "dcn_v2", methods, seeds)


def _rankers(data: Data, seeds: Sequence[int]) -> Iterator[Block]:
    """Every ranker with the main methods at seven codes, on the first data set."""
    from moc_tf.ranking import interactions

    methods = (_NONE, *(Method(name, 7) for name in ("me", "rq_vae", "moc")))
    for model in interactions.names():
        yield _block(data[0], model, methods, seeds)


SUITES: Mapping[str, Callable[[Data, Sequence[int]], Iterator[Block]]] = {
    "headline": _headline,
    "rankers": _rankers,
    "table1": _table1,
    "table2": _table2,
    "figure4": _figure4,
    "reviewers": _reviewers,
}
