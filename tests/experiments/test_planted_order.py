"""Every method in the order that theory gives, where the truth is planted.

A click depends on the user and on the hidden factors of the item, by a logit that is
a sum over factors. A vector is the sum of its factors' directions and noise, so that
the logit is nearly linear in it. From that follows:

- What does not depend on the vector adds nothing: `random`, shuffled `moc`, and
  `id_me`, which says of an item what its id has said. But fields may make learning
  faster, so training here goes on until the validation AUC no longer rises; after the
  five epochs of `settings.PLANTED` the ranker with the fewest fields is not done.
- One code in N tables tells items apart as one code does: `me` is not above `vq`.
- Several codes of K values stand for vectors better than one of K does. The first
  level of residual codes is such a code, and the others come on top; slices of the
  centres of one code are centres of a product code, so the best `pq` has no more
  distortion than it, nor has `opq`, for which `pq` is one choice of many. What codes
  stand for is a sum of one vector a code, and the logit is linear: tables can hold it.
- Codes are functions of the vector, which is the factors and noise: no codes say more
  of a click than `true_factors`.

Not implied, and so not asserted, is an order among `moc`, `rq_*`, `pq` and `opq`. They
spend equal bits in different ways, and AUC is no function of distortion.
"""

import dataclasses

import numpy as np
import pytest

from experiments import settings
from experiments.datasets import load_dataset
from moc_tf.evaluation import PairedDifference, paired_difference
from moc_tf.ranking import interactions
from moc_tf.training import Comparison, Method, methods_named

pytestmark = pytest.mark.slow

SEEDS = range(3)
NUM_CODES = 7
WITHOUT_MEANING = ("random", "id_me", "moc-shuffled")
RESIDUAL = ("rq_vae", "rq_kmeans", "rq_gmm")
PRODUCT = ("pq", "opq")
CODES = ("vq", "me", "moc", *RESIDUAL, *PRODUCT)
WITH_MEANING = (*CODES, "adaptor", "true_factors")
# What noise of three seeds may look like; the codes of `moc` gain twice as much.
MARGIN = 0.02


def compared(methods, seeds, ranker, workdir, num_workers):
    """By method: exact test AUC of all rows and of those with new items, by seed."""
    dataset = load_dataset("planted")
    comparison = Comparison(
        "test",
        dataset.ranking,
        dataset.vectors,
        methods,
        seeds,
        ranker,
        settings.PLANTED.indexer,
        workdir,
        dataset.tables,
    )
    found = {}
    for progress in comparison.run(num_workers):
        row = progress.result
        name = "-".join(filter(None, (row["method"], row["variant"])))
        for metric in ("auc", "auc_new_items"):
            found.setdefault((name, metric), {})[row["seed"]] = row[metric]
    return {
        key: np.array([values[seed] for seed in seeds]) for key, values in found.items()
    }


@pytest.fixture(scope="module")
def aucs(tmp_path_factory):
    names = ["none", "random", "id_me", "adaptor", *CODES]
    methods = methods_named(names, [NUM_CODES])
    methods += [Method("moc", NUM_CODES, "shuffled"), Method("true_factors", 8)]
    until_done = dataclasses.replace(settings.PLANTED.ranker, max_epochs=15, patience=3)
    workdir = tmp_path_factory.mktemp("order")
    return compared(methods, SEEDS, until_done, workdir, num_workers=2)


@pytest.fixture(scope="module")
def above(aucs):
    """Paired difference of two methods' AUC."""

    def above(upper: str, lower: str, metric: str = "auc") -> PairedDifference:
        difference = paired_difference(aucs[upper, metric], aucs[lower, metric])
        assert difference.n == len(SEEDS)
        return difference

    return above


@pytest.mark.parametrize("metric", ["auc", "auc_new_items"])
@pytest.mark.parametrize("control", WITHOUT_MEANING)
def test_what_has_no_meaning_is_not_above_nothing(above, control, metric):
    assert above(control, "none", metric).high < MARGIN


def test_repeating_a_code_adds_nothing(above):
    assert above("me", "vq").high < MARGIN


@pytest.mark.parametrize("metric", ["auc", "auc_new_items"])
@pytest.mark.parametrize("method", WITH_MEANING)
def test_what_has_meaning_is_above_nothing(above, method, metric):
    assert above(method, "none", metric).low > 0


@pytest.mark.parametrize("method", ["moc", *RESIDUAL, *PRODUCT])
@pytest.mark.parametrize("one_code", ["vq", "me"])
def test_several_codes_are_above_one(above, method, one_code):
    assert above(method, one_code).low > 0


@pytest.mark.parametrize("method", CODES)
def test_no_codes_are_above_the_true_factors(above, method):
    assert above("true_factors", method).low > 0


@pytest.fixture(scope="module")
def codes_made_once(tmp_path_factory):
    return tmp_path_factory.mktemp("rankers")


@pytest.mark.parametrize("model", interactions.names())
def test_every_ranker_learns_from_codes(codes_made_once, model):
    """By far more than the seeds of a ranker differ, which is by about 0.01."""
    methods = [Method("none", 0), Method("moc", 7), Method("true_factors", 8)]
    ranker = dataclasses.replace(settings.PLANTED.ranker, model=model)
    found = compared(methods, [0], ranker, codes_made_once, num_workers=1)
    for metric, least in (("auc", 0.02), ("auc_new_items", 0.08)):
        (none,) = found["none", metric]
        for described in ("moc", "true_factors"):
            (auc,) = found[described, metric]
            assert auc > none + least, f"{described} {metric}"
