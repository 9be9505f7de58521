import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf.identifiers import IdentifierIndex, as_identifiers, preview

TEXT = st.text(max_size=6).filter(lambda text: "\0" not in text)


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


@pytest.mark.parametrize("integers", [[10, 2, -300], [7], []])
def test_integers_are_as_wide_in_an_array_as_in_a_list(integers):
    of_list = as_identifiers(integers, "ids")
    for dtype in (np.int64, np.int32):
        of_array = as_identifiers(np.array(integers, dtype), "ids")
        assert of_array.dtype == of_list.dtype
        assert of_array.tolist() == of_list.tolist()


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (["a", "b\0"], r"'b\\x00'"),  # NumPy would drop it, and "b" would be meant
        (["a", b"\0b"], r"'\\x00b'"),
        (np.array(["a", "b\0c"]), r"'b\\x00c'"),
        (np.array([b"a", b"b\0c"]), r"'b\\x00c'"),
        (np.array(["a", "b\0c"], ">U3"), r"'b\\x00c'"),
        (np.array(["a", "b\0"], np.dtypes.StringDType()), r"'b\\x00'"),
        (["a", "b\ud800"], r"'b\\ud800'"),
        (np.array(["\udfffb", "a"]), r"'\\udfffb'"),
    ],
)
def test_text_that_would_not_be_kept_is_refused(values, shown):
    with pytest.raises(
        ValueError,
        match=rf"^item ids must have no NUL and no lone surrogate.*: {shown}\.$",
    ):
        as_identifiers(values, "item ids")


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

    def test_what_only_begins_as_a_known_identifier_is_unknown(self):
        index = IdentifierIndex(["ab", "abc"], "ids")
        assert index.rows(["abcd", "ab", "abc", "abcabc"]).tolist() == [-1, 0, 1, -1]

    def test_a_long_identifier_takes_no_memory_for_each_known_one(self):
        index = IdentifierIndex(np.arange(20_000), "ids")
        tracemalloc.start()
        try:
            assert index.rows(["x" * 500, "7"]).tolist() == [-1, 7]
            assert tracemalloc.get_traced_memory()[1] < 100_000
        finally:
            tracemalloc.stop()

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
