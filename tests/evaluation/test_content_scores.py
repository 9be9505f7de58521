import numpy as np
import pytest

from moc_tf.evaluation import content_scores

# Less their mean (2, 1), and of length 1: right, left, up, down.
CROSS = np.array([[5, 1], [-1, 1], [2, 3], [2, -1]], np.float32)


def test_cosines_by_hand():
    # User 0 clicked right and up, so that the profile is between them; user 1 left
    # twice; user 2 nothing; user 3 left and right, which leaves nothing.
    scores = content_scores(
        CROSS,
        [0, 0, 1, 1, 3, 3],
        [0, 2, 1, 1, 1, 0],
        [0, 0, 0, 1, 1, 2, 3],
        [0, 1, 2, 1, 3, 0, 0],
    )
    half = 0.5**0.5
    np.testing.assert_allclose(scores, [half, -half, half, 1, 0, 0, 0], atol=1e-6)
    assert scores.dtype == np.float32


def test_rows_beyond_a_block_are_scored_alike():
    random = np.random.default_rng(0)
    vectors = random.standard_normal((50, 8))
    users, items = random.integers(20, size=20_000), random.integers(50, size=20_000)
    scores = content_scores(vectors, users[:90], items[:90], users, items)
    centred = vectors - vectors.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    for row in (0, 8191, 8192, 19_999):
        clicked = centred[items[:90][users[:90] == users[row]]].sum(axis=0)
        expected = centred[items[row]] @ clicked / np.linalg.norm(clicked)
        assert scores[row] == pytest.approx(expected, abs=1e-5)


def test_nothing_to_score_and_no_clicks():
    assert content_scores(CROSS, [], [], [], []).shape == (0,)
    assert content_scores(CROSS, [], [], [7], [1]).tolist() == [0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((CROSS[0], [0], [0], [0], [0]), r"rank 2.*Received: shape \(2,\)"),
        ((CROSS * np.nan, [0], [0], [0], [0]), "finite"),
        ((CROSS, [0, 1], [0], [0], [0]), r"of the clicks.*\(2,\) and \(1,\)"),
        ((CROSS, [0], [4], [0], [0]), "rows of the 4 vectors.*from 4 to 4"),
        ((CROSS, [0], [0], [-1], [0]), "of the rows to score.*from -1 to -1"),
        ((CROSS, [0], [0], [0.5], [0]), "float64 from 0.5"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        content_scores(*arguments)
