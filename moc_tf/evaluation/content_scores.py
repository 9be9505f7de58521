"""What item vectors tell of clicks without any training: a content-based baseline."""

import numpy as np
import numpy.typing as npt

_BLOCK_ROWS = 8192


def content_scores(
    vectors: npt.ArrayLike,
    clicking_users: npt.ArrayLike,
    clicked_items: npt.ArrayLike,
    users: npt.ArrayLike,
    items: npt.ArrayLike,
) -> np.ndarray:
    """Cosines between items and the mean of what their users clicked before.

    The mean of all vectors, which all items have in common, is taken from each first,
    and each is scaled to length 1. A user's profile is the mean of the items clicked,
    as Rocchio's is of relevant documents. Source: Lops, de Gemmis and Semeraro,
    "Content-based Recommender Systems: State of the Art and Trends", in: Recommender
    Systems Handbook, 2011.

    Args:
      vectors: finite floats, [catalogue, dims].
      clicking_users: users of the clicks that profiles are made of, integers of at
        least 0, [clicks].
      clicked_items: their items, rows of `vectors`, [clicks].
      users: of the rows to score, as above, [rows].
      items: of the rows to score, rows of `vectors`, [rows].

    Returns:
      float32 [rows], in [-1, 1]; 0 of a user without clicks.

    Raises:
      ValueError: if lengths differ, or an argument is not as above.
    """
    from scipy.sparse import csr_array
    from sklearn.preprocessing import normalize

    table = np.asarray(vectors, np.float32)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ValueError(
            "vectors must be finite and of rank 2, [catalogue, dims]. Received: shape "
            f"{table.shape}."
        )
    who, what = _pairs(clicking_users, clicked_items, len(table), "clicks")
    asked, shown = _pairs(users, items, len(table), "rows to score")
    table = normalize(table - table.mean(axis=0))
    num_users = 1 + max((int(ids.max()) for ids in (who, asked) if ids.size), default=0)
    clicks = csr_array(
        (np.ones(len(who), np.float32), (who, what)), shape=(num_users, len(table))
    )
    profiles = normalize(clicks @ table)
    scores = np.empty(len(asked), np.float32)
    for start in range(0, len(asked), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        scores[rows] = np.einsum("rd,rd->r", profiles[asked[rows]], table[shown[rows]])
    return scores


def _pairs(
    users: npt.ArrayLike, items: npt.ArrayLike, num_items: int, what: str
) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays, checked."""
    who, which = np.asarray(users), np.asarray(items)
    if who.ndim != 1 or who.shape != which.shape:
        raise ValueError(
            f"Users and items of the {what} must have one shape, [rows]. Received: "
            f"{who.shape} and {which.shape}."
        )
    for ids, limit in ((who, np.inf), (which, num_items)):
        if ids.size and (
            ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= limit
        ):
            raise ValueError(
                f"Users of the {what} must be integers of at least 0, and items rows "
                f"of the {num_items} vectors. Received: {ids.dtype} from {ids.min()} "
                f"to {ids.max()}."
            )
    return who, which
