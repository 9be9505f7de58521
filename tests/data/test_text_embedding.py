import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moc_tf.data import embed_texts
from tests.data.hash_encoder import HashEncoder, vector_of


class Returning:
    """An encoder that returns what it is told to."""

    def __init__(self, *outputs):
        self._outputs = iter(outputs)

    def encode(self, texts):
        return next(self._outputs)


class TestVectors:
    @given(st.lists(st.text(max_size=6), min_size=1, max_size=20), st.integers(1, 8))
    def test_each_text_has_its_own_vector_whatever_the_batches(self, texts, size):
        vectors = embed_texts(
            texts, HashEncoder(), batch_size=size, normalize=False, dtype="float32"
        )
        np.testing.assert_array_equal(vectors, [vector_of(text) for text in texts])

    def test_unit_length_in_float16_is_the_default(self):
        vectors = embed_texts(["a", "b"], Returning([[3.0, 4.0], [0.0, -2e30]]))
        assert vectors.dtype == np.float16
        np.testing.assert_array_equal(
            vectors, np.array([[0.6, 0.8], [0, -1]], np.float16)
        )

    def test_without_normalisation_lengths_stay(self):
        vectors = embed_texts(["a"], Returning([[3.0, 4.0]]), normalize=False)
        assert vectors.tolist() == [[3.0, 4.0]]

    def test_float16_of_an_encoder_is_scaled_without_overflow(self):
        halves = np.full((1, 4), 60_000, np.float16)
        vectors = embed_texts(["a"], Returning(halves), dtype="float32")
        np.testing.assert_array_equal(vectors, [[0.5] * 4])

    def test_what_numpy_reads_as_an_array_will_do(self):
        class Tensor:
            def __array__(self, dtype=None, copy=None):
                return np.array([[1.0, 2.0]], np.float32)

        vectors = embed_texts(["a"], Returning(Tensor()), normalize=False)
        assert vectors.tolist() == [[1.0, 2.0]]


class TestBatches:
    def test_longest_first_and_equally_long_in_order(self):
        encoder = HashEncoder()
        embed_texts(["bb", "a", "dddd", "cc", "", "eee"], encoder, batch_size=2)
        assert encoder.batches == [["dddd", "eee"], ["bb", "cc"], ["a", ""]]

    def test_progress_counts_texts_and_estimates_by_characters(self, monkeypatch):
        clock = iter([100.0, 110.0, 115.0])
        monkeypatch.setattr("time.monotonic", lambda: next(clock))
        seen = []
        embed_texts(
            ["x", "x" * 9, "xxx", "x"], HashEncoder(), batch_size=2, report=seen.append
        )
        first, last = seen
        assert (first.done, first.total, first.seconds) == (2, 4, 10.0)
        assert first.texts_per_second == pytest.approx(0.2)
        # 9 and 3 characters took 10 seconds, 1 and 1 are left; each text counts for one
        # more.
        assert first.seconds_left == pytest.approx(10 * 4 / 14)
        assert (last.done, last.seconds, last.seconds_left) == (4, 15.0, 0.0)


class TestErrors:
    def test_beyond_float16_is_told_with_the_text_and_the_number(self):
        encoder = Returning([[1.0, 2.0], [7e4, 1.0]])
        with pytest.raises(ValueError, match="float16 ends at 65504") as caught:
            embed_texts(["fine", "big"], encoder, normalize=False)
        assert "Received: 70000 in the vector of the text 'big'" in str(caught.value)
        assert "normalize=True, or keep them in float32" in str(caught.value)

    def test_what_float16_can_hold_and_what_float32_can_is_no_error(self):
        for dtype, value in [("float16", 65504.0), ("float32", 7e4)]:
            encoder = Returning([[value, -value]])
            vectors = embed_texts(["a"], encoder, normalize=False, dtype=dtype)
            assert vectors.tolist() == [[value, -value]]

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_what_is_not_finite_is_told_with_its_text(self, bad):
        encoder = Returning([[1.0, 2.0], [1.0, bad]])
        with pytest.raises(ValueError, match="vector of the text 'worse'"):
            embed_texts(["bad???", "worse"], encoder)

    def test_a_vector_of_zeros_has_no_direction(self):
        encoder = Returning([[1.0, 2.0], [0.0, 0.0]])
        with pytest.raises(ValueError, match=r"zeros cannot be scaled.*the text 'b'"):
            embed_texts(["a", "b"], encoder)
        kept = embed_texts(["b"], Returning([[0.0, 0.0]]), normalize=False)
        assert kept.tolist() == [[0.0, 0.0]]

    @pytest.mark.parametrize(
        ("output", "received"),
        [
            ([1.0, 2.0], r"dtype float64, shape \(2,\)"),
            ([[1.0, 2.0]], r"dtype float64, shape \(1, 2\)"),
            ([[1, 2], [3, 4]], r"dtype int64, shape \(2, 2\)"),
            ([[], []], r"dtype float64, shape \(2, 0\)"),
            ([["1.0"], ["2.0"]], "dtype <U3"),
        ],
    )
    def test_another_shape_or_type_is_told(self, output, received):
        with pytest.raises(ValueError, match=rf"floats \[2, dims\].*{received}"):
            embed_texts(["a", "b"], Returning(output))

    def test_dimensions_that_change_are_told(self):
        encoder = Returning([[1.0, 2.0]], [[1.0, 2.0, 3.0]])
        with pytest.raises(ValueError, match=r"floats \[1, 2\].*shape \(1, 3\)"):
            embed_texts(["aa", "a"], encoder, batch_size=1)

    def test_what_numpy_cannot_read_is_told(self):
        class Brain:
            def __array__(self, dtype=None, copy=None):
                raise TypeError("Got unsupported ScalarType BFloat16")

        with pytest.raises(ValueError, match=r"Brain, and the error: Got unsupported"):
            embed_texts(["a"], Returning(Brain()))

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"texts": []}, "no texts to embed"),
            ({"batch_size": 0}, "batch_size must be at least 1. Received: 0"),
            ({"dtype": "int8"}, "float16 or float32. Received: dtype 'int8'"),
        ],
    )
    def test_settings_out_of_range_are_told(self, settings, message):
        settings = {"texts": ["a"], **settings}
        with pytest.raises(ValueError, match=message):
            embed_texts(encoder=HashEncoder(), **settings)
