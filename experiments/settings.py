"""Settings of the experiments, by data set and ranker.

Those of the indexers and of a ranker on an Amazon data set come from
`configs/<dataset>_<protocol>.json`, which `experiments.search_settings` wrote: chosen
by validation AUC, with the same candidates for every ranker. What has no entry there
has the defaults, whose MLP is not the widest of the candidates since that was the worst
for every ranker on Beauty and Toys.

Two were chosen before, by validation AUC on Beauty. `average_decay`: each of the seven
rankers has its best mean over four methods at 0.9975, among 0, 0.99 and 0.9975.
`patience`: average weights have a validation AUC that rises, and then falls; in all of
46 runs of that search, a patience of 2 kept the epoch that 1 keeps, an epoch earlier.

`implicit` has another start and other learning rates. There a label is told by no user
and no item alone, so that for some epochs next to nothing is learnt, by steps that are
too short for longer than there are epochs: on Toys' validation part, DCN V2 without
codes was no better than after its first epoch until the fourth, and ended at .518 with
1e-3, at .523 with 4e-3. Its `patience` outlasts such a start: with 4, two of 14 runs
on Toys, of `none` and `rq_vae`, stopped after five epochs in which validation AUC
wandered about .5, while other seeds of the same went on to .52 and .56.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from experiments.code_suites import method_and_variant
from moc_tf.training import Method, RankerConfig
from moc_tf.training.methods import MOC_VARIANTS
from moc_tf.training.run_directory import write_text


@dataclasses.dataclass(frozen=True)
class Setting:
    """Settings of a comparison.

    Attributes:
      ranker: settings of the ranker and its training.
      indexer: settings of the indexers.
    """

    ranker: RankerConfig
    indexer: Mapping[str, Any]


PLANTED = Setting(
    ranker=RankerConfig(
        hidden_units=(64, 32),
        embedding_dim=8,
        hidden_share=0.1,
        learning_rate=4e-3,
        batch_size=1024,
        max_epochs=5,
    ),
    indexer={
        "codebook_size": 32,
        "codebook_dim": 16,
        "hidden_units": (128,),
        "epochs": 30,
        "batch_size": 256,
        "learning_rate": 4e-3,
    },
)

AMAZON = Setting(
    ranker=RankerConfig(
        hidden_units=(64, 32), hidden_share=0.1, average_decay=0.9975, patience=1
    ),
    indexer={"codebook_size": 256, "epochs": 40},
)
AMAZON_IMPLICIT = Setting(
    dataclasses.replace(AMAZON.ranker, learning_rate=4e-3, patience=10), AMAZON.indexer
)

# What `experiments.search_settings` varies, in this order, with these candidates: first
# of the indexers, which rankers share, then of each ranker, by protocol.
SEARCHED_OF_INDEXERS: Mapping[str, tuple[Any, ...]] = {"epochs": (10, 20, 40)}
SEARCHED: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    protocol: {
        "hidden_units": ((256, 128, 64), (64, 32), (16,)),
        "learning_rate": learning_rates,
        "embedding_l2": (0.0, 1e-3, 1e-2),
        "hidden_share": (0.05, 0.1, 0.25),
    }
    for protocol, learning_rates in (
        ("rating", (5e-4, 1e-3, 2e-3)),
        ("implicit", (2e-3, 4e-3, 8e-3)),
    )
}

CONFIGS = pathlib.Path(__file__).parent / "configs"


def config_path(dataset: str, protocol: str) -> pathlib.Path:
    """Where the chosen settings of a data set lie, if there are any."""
    return CONFIGS / f"{dataset.replace('/', '_')}_{protocol}.json"


def default_setting(dataset: str, protocol: str) -> Setting:
    """What a search starts from.

    Args:
      dataset: "planted", the name of an Amazon data set, or that of files.
      protocol: "rating", "implicit" or "click".
    """
    if dataset == "planted":
        return PLANTED
    return AMAZON_IMPLICIT if protocol == "implicit" else AMAZON


def setting(dataset: str, protocol: str, model: str) -> Setting:
    """The setting of a ranker on a data set, as far as it was searched.

    Args:
      dataset: "planted", the name of an Amazon data set, or that of files.
      protocol: "rating", "implicit" or "click".
      model: name of the ranker; one without an entry has the defaults.

    Raises:
      ValueError: if the file of chosen settings is not one of this form.
    """
    default = default_setting(dataset, protocol)
    found = searched(dataset, protocol)
    of_ranker = _chosen(found.models.get(model))
    return Setting(
        dataclasses.replace(default.ranker, model=model, **of_ranker),
        {**default.indexer, **_chosen(found.indexers)},
    )


def indexer_setting(dataset: str, protocol: str) -> tuple[tuple[str, Any], ...]:
    """Settings of the indexers on a data set, (name, value) each, whatever the ranker.

    Args:
      dataset: "planted", the name of an Amazon data set, or that of files.
      protocol: "rating", "implicit" or "click".
    """
    return tuple(setting(dataset, protocol, AMAZON.ranker.model).indexer.items())


@dataclasses.dataclass(frozen=True)
class Searched:
    """What was found by searching.

    An entry has "chosen", the settings; "methods" and "seeds", over which each trial is
    a mean; and "trials", what every candidate reached.

    Attributes:
      indexers: the entry of the indexers, which has "models" too, the rankers that a
        trial is a mean over; None if theirs were not searched.
      models: an entry a ranker.
    """

    indexers: Mapping[str, Any] | None = None
    models: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)


def searched(dataset: str, protocol: str) -> Searched:
    """What was found for a data set; empty without a file.

    Raises:
      ValueError: if the file is not one of this form.
    """
    path = config_path(dataset, protocol)
    if not path.exists():
        return Searched()
    found = json.loads(path.read_text(encoding="utf-8"))
    if not {"indexers", "models"} <= found.keys():
        raise ValueError(
            f"{path} must have the chosen settings under 'indexers' and 'models'. "
            f"Received: {list(found)}. Remove the file and search again with "
            "experiments.search_settings."
        )
    return Searched(found["indexers"], found["models"])


def keep(dataset: str, protocol: str, found: Searched) -> pathlib.Path:
    """Writes what was found; the entries of all else stay.

    Args:
      dataset: "planted", the name of an Amazon data set, or that of files.
      protocol: "rating", "implicit" or "click".
      found: what is new.

    Returns:
      The file.

    Raises:
      ValueError: if the file that is there is not one of this form.
    """
    path, before = config_path(dataset, protocol), searched(dataset, protocol)
    values = {
        "dataset": dataset,
        "protocol": protocol,
        "indexers": found.indexers or before.indexers,
        "models": {**before.models, **found.models},
    }
    path.parent.mkdir(exist_ok=True)
    write_text(path, json.dumps(values, indent=2) + "\n")
    return path


def _chosen(entry: Mapping[str, Any] | None) -> dict[str, Any]:
    """The settings of an entry; lists are tuples, which can be hashed."""
    chosen = entry["chosen"] if entry else {}
    return {k: tuple(v) if isinstance(v, list) else v for k, v in chosen.items()}


# Forms of "moc" by the names that tables of indexers have: method and options.
INDEXERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    f"{variant}_moc": ("moc", options) for variant, options in MOC_VARIANTS.items()
}


def indexing_method(name: str, num_codes: int) -> Method:
    """The method that rankers have for an indexer of a table.

    Args:
      name: one of `moc_tf.indexing.indexing_methods()` or of `INDEXERS`.
      num_codes: N. One code of "moc", in any form, is that of "vq".
    """
    method, variant = method_and_variant(name)
    if method == "moc" and num_codes == 1:
        return Method("vq", 1)
    return Method(method, num_codes, variant)
