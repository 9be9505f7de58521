import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf.evaluation import StreamingClicks, evaluate_clicks

ROWS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(-9, 9),
        st.integers(0, 4),
        st.integers(0, 3),
        st.integers(0, 2),
    ),
    max_size=40,
)


def columns_of(rows, dtype):
    labels, scores, users, items, user_groups = np.array(rows, int).reshape(-1, 5).T
    logits = (scores / 7).astype(dtype)  # not exact in float32
    names = np.array(["u", "vv", "www", "x", "yyyyy"])[users]
    return labels, logits, names, items == 0, items, user_groups


@settings(deadline=None)
@given(
    ROWS,
    st.lists(st.integers(0, 40), max_size=5),
    st.sampled_from(["f2", "f4", "f8"]),
)
def test_batches_of_any_size_give_exactly_what_the_arrays_give(rows, cuts, dtype):
    columns = columns_of(rows, dtype)
    stream = StreamingClicks()
    starts = [0, *sorted(min(cut, len(rows)) for cut in cuts)]
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        stream.update(*(column[start:end] for column in columns))
    assert len(stream) == len(rows)
    assert stream.result() == evaluate_clicks(*columns)
    assert stream.result() == evaluate_clicks(*columns)  # nothing was used up


def test_it_goes_on_after_a_result():
    columns = columns_of([(1, 3, 0, 0, 0), (0, 4, 0, 1, 1), (0, 1, 1, 2, 2)], "f4")
    stream = StreamingClicks()
    stream.update(*(column[:2] for column in columns))
    first = stream.result()
    stream.update(*(column[2:] for column in columns))
    assert first.all_items.rows == 2
    assert stream.result() == evaluate_clicks(*columns)


def test_labels_and_logits_are_enough_and_none_are_nan():
    stream = StreamingClicks()
    assert math.isnan(stream.result().all_items.auc)
    stream.update([1, 0], [0.3, -0.2])
    stream.update([0], [0.1])
    assert stream.result() == evaluate_clicks([1, 0, 0], [0.3, -0.2, 0.1])
    assert stream.result().all_items.auc == 1.0


def test_float32_is_kept_in_four_bytes_and_a_caller_may_reuse_its_buffers():
    stream = StreamingClicks()
    labels, logits, users = np.array([0, 1]), np.array([0, 1], "f4"), np.array([7, 7])
    stream.update(labels, logits, users)
    logits[:] = users[:] = labels[:] = 0
    kept = {name: batches[0] for name, batches in stream._batches.items()}
    assert (kept["labels"].nbytes, kept["logits"].nbytes) == (2, 8)
    assert stream.result() == evaluate_clicks([0, 1], [0.0, 1.0], [7, 7])


def test_a_bad_batch_is_refused_and_leaves_nothing():
    stream = StreamingClicks()
    stream.update([1, 0], [0.3, -0.2], user_rows=[1, 1])
    for arguments, message in (
        (([1], [math.nan], [0]), "logits must be finite"),
        (([2], [0.0], [0]), "labels must be 0 or 1"),
        (([1], [0.0], [0, 1]), "user_rows must have one value a label"),
        (([1], [0.0]), r"tell the same of its rows.*\['labels', 'logits'\], after"),
        (([1], [0.0], [0], [True]), r"'new_item_mask'\], after batches of"),
    ):
        with pytest.raises(ValueError, match=message):
            stream.update(*arguments)
    assert stream.result() == evaluate_clicks([1, 0], [0.3, -0.2], [1, 1])
