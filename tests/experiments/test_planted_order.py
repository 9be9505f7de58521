"""Every method in the order that theory gives, where the truth is planted.

A click depends on the user and on the hidden factors of the item, by a logit that is
a sum over factors. A vector is the sum of its factors' directions and noise, so that
the logit is nearly linear in it. From that follows:

- What does not depend on the vector adds nothing: `random`, shuffled `moc`, and
  `id_me`, which says of an item what its id has said. But more fields may learn
  faster, and after the five epochs of `settings.PLANTED` a ranker with few of them is
  not done, so here each trains for fifteen, of which the best is taken.
- One code in N tables tells items apart as one code does: `me` is not above `vq`.
- Several codes of K values stand for vectors better than one of K does. The first
  level of residual codes is such a code, and the others come on top; slices of the
  centres of one code are centres of a product code, so the best `pq` has no more
  distortion than it, nor has `opq`, for which `pq` is one choice of many. What codes
  stand for is a sum of one vector a code, and the logit is linear: tables can hold it.
- Codes are functions of the vector, which is the factors and noise: no codes say more
  of a click than `true_factors`.

All of it holds for items that training has not seen, of which a ranker knows nothing
else, and there it is asserted. With seen items it also depends on how much a ranker
learns by heart of their ids, noise included. That blurs small differences, and it is
why `adaptor`, whose fields speak from the first step, is above `true_factors` on all
rows, though it is not without the field of the ids. Large differences are asserted on
all rows too.

Not implied, and so not asserted, is an order among `moc`, `rq_*`, `pq` and `opq`. They
spend equal bits in different ways, and AUC is no function of distortion.
"""

import dataclasses

import numpy as np
import pytest

from experiments import settings
from experiments.datasets import load_dataset
from moc_tf.evaluation import Interval, mean_interval
from moc_tf.ranking import interactions
from moc_tf.training import Comparison, Method, methods_named

pytestmark = pytest.mark.slow

SEEDS = range(3)
NUM_CODES = 7
WITHOUT_MEANING = ("random", "id_me", "moc-shuffled")
ONE_CODE = ("vq", "me")
SEVERAL_CODES = ("moc", "rq_vae", "rq_kmeans", "rq_gmm", "pq", "opq")
CODES = (*ONE_CODE, *SEVERAL_CODES)
WITH_MEANING = (*CODES, "adaptor", "true_factors")
# How far something that adds nothing may seem to be above: less than half of what the
# codes of `moc` gain on all rows, 0.06.
MARGIN = 0.025


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
    until_done = dataclasses.replace(
        settings.PLANTED.ranker, max_epochs=15, patience=15
    )
    workdir = tmp_path_factory.mktemp("order")
    return compared(methods, SEEDS, until_done, workdir, num_workers=2)


@pytest.fixture(scope="module")
def gain(aucs):
    """What a method's AUC is above another's: mean, and 95 % bounds to either side."""

    def gain(upper, lower, metric="auc_new_items") -> Interval:
        differences = aucs[upper, metric] - aucs[lower, metric]
        assert len(differences) == len(SEEDS)
        return mean_interval(differences, confidence=0.9)

    return gain


@pytest.mark.parametrize("control", WITHOUT_MEANING)
def test_what_has_no_meaning_is_not_above_nothing(gain, control):
    """On new items `none` varies by 0.03 by seed; there one code must be above."""
    assert gain(control, "none", "auc").high < MARGIN
    assert gain("vq", control).low > 0


def test_repeating_a_code_adds_nothing(gain):
    """On new items `vq` varies by 0.02 by seed; three of them bound the mean alone."""
    assert gain("me", "vq", "auc").high < MARGIN
    on_new_items = gain("me", "vq")
    assert on_new_items.low < 0
    assert on_new_items.mean < MARGIN


@pytest.mark.parametrize("method", WITH_MEANING)
def test_what_has_meaning_is_above_nothing(gain, method):
    assert gain(method, "none").low > 0
    if method not in ONE_CODE:
        assert gain(method, "none", "auc").low > 0


@pytest.mark.parametrize("method", SEVERAL_CODES)
@pytest.mark.parametrize("one_code", ONE_CODE)
def test_several_codes_are_above_one(gain, method, one_code):
    assert gain(method, one_code).low > 0
    assert gain(method, one_code, "auc").low > 0


@pytest.mark.parametrize("method", CODES)
def test_true_factors_are_above_all_codes(gain, method):
    assert gain("true_factors", method, "auc").low > 0
    assert gain("true_factors", method).mean > 0


def test_vectors_say_no_more_than_true_factors(gain):
    assert gain("adaptor", "true_factors").high < MARGIN


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
            assert auc > none + least, f"{described} by {metric}"
