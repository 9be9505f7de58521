"""Settings of the experiments, by data set and ranker.

Those of a ranker on an Amazon data set come from `configs/<dataset>_<protocol>.json`,
which `experiments.search_settings` wrote: chosen by validation AUC, with the same
candidates for every ranker. A ranker without an entry there has the defaults.

Three were chosen before, by validation AUC on Beauty. `average_decay`: each of the
seven rankers has its best mean over four methods at 0.9975, among 0, 0.99 and 0.9975.
`patience`: average weights have a validation AUC that rises, and then falls; in all of
46 runs of that search, a patience of 2 kept the epoch that 1 keeps, an epoch earlier.
`hidden_share`, of DCNv2, mean of two seeds:

    hidden_share          0      0.05   0.1    0.25   0.5
    without codes         0.640  0.659  0.658  0.656  0.657
    with 7 codes of moc   0.646  0.663  0.665  0.661  0.661

`train_ranker --hidden_share=...` repeats it; a run's result.json has both parts.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

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
    ranker=RankerConfig(hidden_share=0.1, average_decay=0.9975, patience=1),
    indexer={"codebook_size": 256, "epochs": 40},
)

# What `experiments.search_settings` varies, in this order, with these candidates.
SEARCHED: Mapping[str, tuple[Any, ...]] = {
    "hidden_units": ((256, 128, 64), (64, 32), (16,)),
    "learning_rate": (5e-4, 1e-3, 2e-3),
}

CONFIGS = pathlib.Path(__file__).parent / "configs"


def config_path(dataset: str, protocol: str) -> pathlib.Path:
    """Where the chosen settings of a data set lie, if there are any."""
    return CONFIGS / f"{dataset.replace('/', '_')}_{protocol}.json"


def setting(dataset: str, protocol: str, model: str) -> Setting:
    """The setting of a ranker on a data set.

    Args:
      dataset: "planted" or the name of an Amazon data set.
      protocol: "rating" or "implicit".
      model: name of the ranker; one without an entry has the defaults.

    Raises:
      ValueError: if the file of chosen settings has no entries by ranker.
    """
    found = _default(dataset)
    chosen = searched(dataset, protocol).get(model, {"chosen": {}})["chosen"]
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in chosen.items()}
    ranker = dataclasses.replace(found.ranker, model=model, **values)
    return dataclasses.replace(found, ranker=ranker)


def indexer_setting(dataset: str) -> tuple[tuple[str, Any], ...]:
    """Settings of the indexers on a data set, (name, value) each, whatever the ranker.

    Args:
      dataset: "planted" or the name of an Amazon data set.
    """
    return tuple(_default(dataset).indexer.items())


def _default(dataset: str) -> Setting:
    return PLANTED if dataset == "planted" else AMAZON


def searched(dataset: str, protocol: str) -> dict[str, Any]:
    """What was found by searching, an entry a ranker; empty without a file.

    An entry has "chosen", the settings; "methods" and "seeds", over which each trial
    is a mean; and "trials", what every candidate reached.

    Raises:
      ValueError: if the file has no entries by ranker.
    """
    path = config_path(dataset, protocol)
    if not path.exists():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    if "models" not in found:
        raise ValueError(
            f"{path} must have the chosen settings under 'models', an entry a ranker. "
            f"Received: {list(found)}. Remove the file and search again with "
            "experiments.search_settings."
        )
    return found["models"]


def keep(dataset: str, protocol: str, entries: Mapping[str, Any]) -> pathlib.Path:
    """Writes what was found for some rankers; the entries of all others stay.

    Args:
      dataset: "planted" or the name of an Amazon data set.
      protocol: "rating" or "implicit".
      entries: by ranker; see `searched`.

    Returns:
      The file.

    Raises:
      ValueError: if the file that is there has no entries by ranker.
    """
    path = config_path(dataset, protocol)
    models = {**searched(dataset, protocol), **entries}
    found = {"dataset": dataset, "protocol": protocol, "models": models}
    path.parent.mkdir(exist_ok=True)
    write_text(path, json.dumps(found, indent=2) + "\n")
    return path


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
    method = INDEXERS.get(name, (name, {}))[0]
    if method == "moc" and num_codes == 1:
        return Method("vq", 1)
    variant = name.removesuffix("_moc") if name in INDEXERS else ""
    return Method(method, num_codes, variant)
