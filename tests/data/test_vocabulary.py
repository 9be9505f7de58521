import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf.data.vocabulary import Vocabulary


def test_ids_follow_the_sorted_values_and_0_is_unseen():
    vocabulary = Vocabulary(["c", "a", "c", "b", ""])
    assert vocabulary.size == 5
    ids = vocabulary.ids(["a", "b", "c", "", "d", "aa"])
    assert ids.tolist() == [2, 3, 4, 1, 0, 0]
    assert ids.dtype == np.int32


def test_its_values_are_in_the_order_of_their_ids_and_make_it_again():
    vocabulary = Vocabulary(["c", "a", "c", "b", ""])
    assert vocabulary.values.tolist() == ["", "a", "b", "c"]
    assert vocabulary.ids(vocabulary.values).tolist() == [1, 2, 3, 4]
    assert Vocabulary(vocabulary.values).ids(["c", "d"]).tolist() == [4, 0]
    with pytest.raises(ValueError, match="read-only"):
        vocabulary.values[0] = "z"
    assert Vocabulary([]).values.tolist() == []


def test_integers_are_values_as_strings():
    vocabulary = Vocabulary([9, 10])
    assert vocabulary.ids(["10", "9", "8"]).tolist() == [1, 2, 0]
    assert vocabulary.ids([10, 9, 8]).tolist() == [1, 2, 0]


def test_an_empty_vocabulary_knows_only_unseen():
    vocabulary = Vocabulary([])
    assert vocabulary.size == 1
    assert vocabulary.ids(["a", "b"]).tolist() == [0, 0]


def test_other_values_are_refused():
    with pytest.raises(ValueError, match=r"Vocabulary values must be strings"):
        Vocabulary([0.5])


@settings(deadline=None)
@given(st.lists(st.text("abc")), st.lists(st.text("abcd")))
def test_it_is_an_enumeration_of_what_was_seen(seen, wanted):
    twin = {value: i + 1 for i, value in enumerate(sorted(set(seen)))}
    vocabulary = Vocabulary(seen)
    assert vocabulary.size == len(twin) + 1
    assert vocabulary.ids(wanted).tolist() == [twin.get(w, 0) for w in wanted]


def test_lists_of_values_become_padded_ids():
    vocabulary = Vocabulary(["a", "b"])
    ids = vocabulary.padded_ids([["b", "new"], [], ["a"]])
    assert ids.tolist() == [[2, 0], [-1, -1], [1, -1]]
    assert ids.dtype == np.int32
    assert vocabulary.padded_ids([[], []]).shape == (2, 0)
    with pytest.raises(ValueError, match=r"list of values.*'ab' in row 1"):
        vocabulary.padded_ids([["a"], "ab"])
