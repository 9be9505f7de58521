"""Metrics of a part of the data, by how often training has its items and users."""

import numpy.typing as npt

from moc_tf.data import RankingData, RankingPart
from moc_tf.evaluation import (
    ClickEvaluation,
    evaluate_clicks,
    item_groups,
    user_groups,
)


def evaluate_part(
    data: RankingData, part: RankingPart, logits: npt.ArrayLike
) -> ClickEvaluation:
    """All metrics of a part and of its groups of items and users.

    Args:
      data: whose training part tells how frequent an item or user is.
      part: of the data.
      logits: of its rows, finite, [rows].
    """
    train = data.train
    return evaluate_clicks(
        part.labels,
        logits,
        part.user_rows,
        part.new_item,
        item_groups(part.item_counts, train.item_counts),
        user_groups(part.user_counts, train.user_counts),
    )
