r"""Chooses the settings of rankers on a data set by validation AUC.

    python -m experiments.search_settings --dataset=amazon/beauty --protocol=rating \
        --data_dir=/path/to/amazon2014 --workdir=runs/search

One setting is varied after the other, with those before it as chosen: first of the
indexers, which all rankers share, then of each ranker. Every ranker has the same
candidates; a candidate is judged by the mean over several methods, so that none of them
is favoured. The test part is not read. What was chosen, and what every candidate
reached, is written to experiments/configs/, where `train_ranker` and `reproduce` find
it; what stands there of the indexers and of other rankers stays. A search that is
broken off goes on when it is started again.

`--interactions` and `--vectors` name files of your own, as for `train_ranker`, which
finds what was chosen by the file's name.
"""

from absl import app, flags

from experiments import dataset_flags

flags.adopt_module_key_flags(dataset_flags)  # so that --help shows them
_MODELS = flags.DEFINE_list(
    "models",
    ["autoint_plus", "dcn_v2", "deepfm", "dlrm", "fmfm", "ipnn", "xdeepfm"],
    "Rankers.",
)
_METHODS = flags.DEFINE_list("methods", ["none", "me", "rq_vae", "moc"], "Averaged.")
_NUM_CODES = flags.DEFINE_integer("num_codes", 7, "Of the methods.", lower_bound=2)
_SEEDS = flags.DEFINE_integer("seeds", 1, "Of each candidate.", lower_bound=1)
_NUM_WORKERS = flags.DEFINE_integer("num_workers", 2, "Processes.", lower_bound=1)
_WORKDIR = flags.DEFINE_string("workdir", None, "Where to write.", required=True)


def main(_: list[str]) -> None:
    """Searches, and writes what was found."""
    from experiments import settings
    from experiments.settings_search import SearchError, SettingsSearch
    from experiments.usage_errors import usage_errors
    from moc_tf.ranking import interactions
    from moc_tf.training import methods_named
    from moc_tf.training.loading import load_once

    protocol = dataset_flags.protocol()
    with usage_errors():
        dataset, load = dataset_flags.given()
        for model in _MODELS.value:
            interactions.options(model)  # if there is such a ranker
        methods = methods_named(_METHODS.value, [_NUM_CODES.value])
        load_once(load, dataset, protocol)
    search = SettingsSearch(
        dataset,
        protocol,
        methods,
        range(_SEEDS.value),
        load,
        _WORKDIR.value,
        _NUM_WORKERS.value,
    )
    try:
        # Those of the indexers hold for all rankers, also of an earlier search.
        indexers = settings.searched(dataset, protocol).indexers
        if indexers is None:
            indexers = search.indexers(_MODELS.value)
        rankers = search.rankers(_MODELS.value, indexers["chosen"] if indexers else {})
    except SearchError as error:
        raise SystemExit(str(error)) from error
    found = settings.Searched(indexers, rankers)
    print(f"Chosen settings: {settings.keep(dataset, protocol, found)}")


if __name__ == "__main__":
    app.run(main)
