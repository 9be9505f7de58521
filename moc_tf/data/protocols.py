"""What counts as a click: the label of an interaction."""

import hashlib
from collections.abc import Callable

import numpy as np

from moc_tf.data.interactions import Interactions
from moc_tf.data.splits import TimeSplit
from moc_tf.identifiers import as_identifiers

PROTOCOLS = ("rating", "implicit", "click")

_LIKED = 3.0  # a rating above this is a click
_MAX_DRAWS = 100


class LabelledRows:
    """Users, items and labels of one part, in order of time.

    Attributes:
      user_ids: strings, [rows].
      item_ids: strings, [rows].
      labels: float32 0 or 1, [rows].
    """

    def __init__(self, user_ids: np.ndarray, item_ids: np.ndarray, labels: np.ndarray):
        self.user_ids = user_ids
        self.item_ids = item_ids
        self.labels = labels.astype(np.float32)

    def __len__(self) -> int:
        return len(self.labels)

    def sha256(self) -> str:
        """Checksum of the rows, their order and their labels."""
        digest = hashlib.sha256()
        for column in (self.user_ids, self.item_ids, self.labels.astype(int)):
            digest.update("\n".join(map(str, column)).encode())
            digest.update(b"\0")
        return digest.hexdigest()


def label_parts(
    interactions: Interactions, split: TimeSplit, protocol: str, seed: int = 0
) -> tuple[LabelledRows, LabelledRows, LabelledRows]:
    """Labels the training, validation and test rows.

    `click`: the log says itself which of its rows are clicks.
    `rating`: an interaction is a click if its rating is above 3.
    `implicit`: each interaction is a click, followed by one row labelled 0: the same
    user with the item of another interaction of the part, drawn at random among those
    whose item the user never interacted with, in any part. So items come up as often
    with either label, but for those that users have already: that an item is popular,
    or new, tells nothing of a label, and what is ranked by is whom an item suits. Drawn
    uniformly from the catalogue instead, a new item would be a click ten times out of
    eleven in the test part of Amazon Beauty, which no training row can teach.

    That "in any part" lets a little of the future into training: a training row
    labelled 0 is never a pair that the test part has as a click, so that a pair seen as
    a 0 in training is no click in testing. It is rare: in Amazon Toys 20 of the 16,760
    negative pairs of the test part were negative pairs of training, and none of the
    positive ones. To a ranker that learns pairs by rote this is worth at most .0006 in
    AUC there, and .012 in the planted benchmark, whose items are few for its rows. It
    is the same for all rankers, and drawing otherwise would change every data set.

    Args:
      interactions: the log.
      split: its parts.
      protocol: "rating", "implicit" or "click".
      seed: of the drawn items.

    Returns:
      The three parts.

    Raises:
      ValueError: if the protocol is unknown, or `rating` is asked of a log without
        ratings, or `click` of one without clicks.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(
            f"The protocol must be one of {list(PROTOCOLS)}. Received: {protocol!r}."
        )
    parts = (split.train, split.validation, split.test)
    if protocol == "implicit":
        return _with_negatives(interactions, parts, np.random.default_rng(seed))
    is_click = _is_click(interactions, protocol)
    train, validation, test = (
        LabelledRows(
            interactions.user_ids[rows], interactions.item_ids[rows], is_click[rows]
        )
        for rows in parts
    )
    return train, validation, test


def _is_click(interactions: Interactions, protocol: str) -> np.ndarray:
    """Which rows of a log are clicks by what stands there."""
    column = interactions.ratings if protocol == "rating" else interactions.clicks
    if column is None:
        source = {"rating": "`overall` or `rating`", "click": "`click`"}[protocol]
        raise ValueError(
            f"The protocol {protocol!r} needs {protocol}s, and these interactions have "
            f"none (no {source} in the file). Use the protocol 'implicit'."
        )
    return column > _LIKED if protocol == "rating" else column


def _with_negatives(
    interactions: Interactions,
    parts: tuple[np.ndarray, np.ndarray, np.ndarray],
    random: np.random.Generator,
) -> tuple[LabelledRows, LabelledRows, LabelledRows]:
    names, items = np.unique(interactions.item_ids, return_inverse=True)
    _, users = np.unique(interactions.user_ids, return_inverse=True)
    is_taken = _membership(users * len(names) + items)
    labelled = []
    for rows in parts:
        drawn = items[random.choice(rows, len(rows))]
        for _ in range(_MAX_DRAWS):
            again = np.flatnonzero(is_taken(users[rows] * len(names) + drawn))
            if not again.size:
                break
            drawn[again] = items[random.choice(rows, again.size)]
        else:
            user = interactions.user_ids[rows[again[0]]]
            raise ValueError(
                f"User {str(user)!r} has interacted with the items of nearly all "
                f"{len(rows)} interactions of a part, so that none was found for the "
                "protocol 'implicit'. Use the protocol 'rating', leave the user out, "
                "or bring a longer log."
            )
        pairs = np.stack([items[rows], drawn], axis=1).reshape(-1)
        labelled.append(
            LabelledRows(
                np.repeat(interactions.user_ids[rows], 2),
                as_identifiers(names[pairs], "item ids"),
                np.tile([1.0, 0.0], len(rows)),
            )
        )
    train, validation, test = labelled
    return train, validation, test


def _membership(keys: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A function that tells which of its keys are among `keys`."""
    known = np.unique(keys)

    def contains(wanted: np.ndarray) -> np.ndarray:
        place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        return known[place] == wanted

    return contains
