import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf.identifiers import IdentifierIndex, as_identifiers, preview

# A NumPy string drops its trailing NULs, so they cannot tell identifiers apart.
TEXT = st.text(max_size=6).filter(lambda text: not text.endswith("\0"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["b", "ä"], ["b", "ä"]),
        ([10, np.int64(2)], ["10", "2"]),
        ([b"b", "ä".encode()], ["b", "ä"]),
        (("b", b"c", 7), ["b", "c", "7"]),
        (np.array(["b", "ä"]), ["b", "ä"]),
        (np.array([10, 2], np.uint8), ["10", "2"]),
        (np.array([b"b", "ä".encode()]), ["b", "ä"]),
        (np.array(["b", "ä".encode(), 3], object), ["b", "ä", "3"]),
        (np.array(["b", "ä"], np.dtypes.StringDType()), ["b", "ä"]),
        ([], []),
        (np.zeros(0), []),
    ],
)
def test_strings_bytes_and_integers_become_strings(values, expected):
    strings = as_identifiers(values, "ids")
    assert strings.tolist() == expected
    assert strings.dtype.kind == "U"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("abc", r"^item ids must be one-dimensional\. Received: shape \(\)\.$"),
        ([["a"], ["b"]], r"one-dimensional\. Received: shape \(2, 1\)"),
        (np.ones(2), r"^item ids must be strings or integers\. .* dtype float64\.$"),
        (np.array([True]), r"strings or integers\. Received: dtype bool"),
        ([1.5], r"strings or integers\. Received: 1\.5 of type float\."),
        (["a", float("nan")], "Received: nan of type float"),
        (np.array(["a", np.nan], object), "Received: nan of type float"),
        (["a", None], "Received: None of type NoneType"),
        ([1, True], "Received: True of type bool"),
        ([["a"], ["b", "c"]], r"Received: \['a'\] of type list"),
    ],
)
def test_anything_else_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        as_identifiers(values, "item ids")


def test_preview_shows_the_first_few():
    assert preview(["a", "b"]) == "'a', 'b'"
    assert preview(np.arange(5)) == "'0', '1', '2', '3', '4'"
    assert preview(list("abcdefg")) == "'a', 'b', 'c', 'd', 'e' and 2 more"
    assert preview(list("abc"), limit=1) == "'a' and 2 more"
    assert preview([]) == ""


class TestIdentifierIndex:
    def test_rows_of_known_and_unknown_identifiers(self):
        index = IdentifierIndex(["c", "a", "b"], "ids")
        rows = index.rows(["a", "c", "c", "", "bb", "z"])
        assert rows.tolist() == [1, 0, 0, -1, -1, -1]
        assert rows.dtype == np.int64
        assert len(index) == 3

    def test_types_may_differ(self):
        assert IdentifierIndex([10, 2], "ids").rows(["2", "10"]).tolist() == [1, 0]
        assert IdentifierIndex(["2", "10"], "ids").rows([b"10"]).tolist() == [1]

    def test_nothing_is_known_to_an_empty_index(self):
        assert IdentifierIndex([], "ids").rows(["a", "b"]).tolist() == [-1, -1]
        assert IdentifierIndex(["a"], "ids").rows([]).shape == (0,)

    def test_repeated_identifiers_are_named_once_each(self):
        with pytest.raises(
            ValueError,
            match=r"^item ids must be unique\. Received more than once: 'a', 'c'\.$",
        ):
            IdentifierIndex(["c", "a", "b", "a", "c", "a"], "item ids")

    @settings(deadline=None)
    @given(st.lists(TEXT, unique=True), st.lists(TEXT), st.data())
    def test_it_is_a_dictionary(self, identifiers, others, data):
        known = st.sampled_from(identifiers) if identifiers else st.nothing()
        wanted = [*data.draw(st.lists(known)), *others]
        dictionary = {identifier: row for row, identifier in enumerate(identifiers)}
        rows = IdentifierIndex(identifiers, "ids").rows(wanted)
        assert rows.tolist() == [dictionary.get(w, -1) for w in wanted]
