import numpy as np
import pytest

from moc_tf.data.schema import IdTablesFeature, VectorFeature
from moc_tf.training import Method, methods_named, with_variant


def test_methods_by_name():
    assert methods_named(["none", "vq", "moc"], [2, 7]) == [
        Method("none", 0),
        Method("vq", 1),
        Method("moc", 2),
        Method("moc", 7),
    ]
    assert methods_named(["rq_vae", "me"], [3]) == [
        Method("rq_vae", 3),
        Method("me", 3),
    ]
    assert methods_named(["adaptor", "id_me"], [2, 7]) == [
        Method("adaptor", 2),
        Method("adaptor", 7),
        Method("id_me", 2),
        Method("id_me", 7),
    ]


def test_variants_by_name_and_for_those_that_have_them():
    methods = methods_named(["none", "vq", "moc:diverse", "moc"], [2])
    assert methods[2:] == [Method("moc", 2, "diverse"), Method("moc", 2)]
    given = Method("given_codes", 3)
    assert with_variant([*methods, given], "shuffled") == [
        Method("none", 0),
        Method("vq", 1, "shuffled"),
        Method("moc", 2, "diverse"),
        Method("moc", 2, "shuffled"),
        Method("given_codes", 3, "shuffled"),
    ]
    assert with_variant([given, *methods[3:]], "diverse") == [given, methods[2]]
    assert with_variant(methods, "") == methods
    with pytest.raises(ValueError, match=r"'diverse' must be.*\['none', 'vq'\]"):
        with_variant(methods[:2], "diverse")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: methods_named(["nothing"], [2]), r"\['none', 'adaptor',.*'nothing'"),
        (lambda: methods_named(["moc"], [1]), r"at least 2.*\[1\]"),
        (lambda: methods_named(["adaptor"], []), r"'adaptor' needs at least 2.*\[\]"),
        (lambda: Method("moc", 0), "at least 1 for other methods"),
        (lambda: Method("none", 2), r"0 for 'none'.*Received: 2 for 'none'"),
        (lambda: Method("adaptor", 1), r"'adaptor' must be at least 2.*Received: 1\."),
        (lambda: Method("moc", 2, "reversed"), "'reversed'"),
        (lambda: Method("id_me", 2, "shuffled"), "'id_me' has none"),
        (lambda: Method("none", 0, "shuffled"), "'none' has none"),
        (lambda: methods_named(["vq:diverse"], [2]), r"'vq' must.*\['', 'shuffled'\]"),
    ],
)
def test_impossible_methods_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_only_the_controls_have_no_codes():
    methods = methods_named(["none", "adaptor", "id_me", "random", "moc"], [2])
    assert [method.has_codes for method in methods] == [False] * 3 + [True] * 2


def test_a_control_adds_its_fields_to_the_data(data, planted):
    base = data.schema.features
    items = {f.name: f for f in data.schema.categorical}["item"].vocabulary_size

    def added(method):
        described = method.applied_to(data, planted.vectors)
        assert described.train is data.train
        assert described.schema.features[: len(base)] == base
        return described.schema.features[len(base) :]

    assert added(Method("none", 0)) == added(Method("moc", 3)) == ()
    tables = IdTablesFeature("item_tables", "item", items, 3)
    assert added(Method("id_me", 3)) == (tables,)
    (vector,) = added(Method("adaptor", 3))
    known = planted.vectors.vectors[data.training_items]
    assert vector == VectorFeature.fitted("item_vector", known, 3)
    assert len(known) < len(planted.vectors)
    np.testing.assert_allclose(vector.mean, known.mean(axis=0), atol=1e-5)
