"""How many dimensions a matrix of embeddings really uses: its singular spectrum."""

import numpy as np
import numpy.typing as npt


def singular_values(matrix: npt.ArrayLike) -> np.ndarray:
    """The singular values of a matrix, those that are zero too.

    They are exact to the rounding of float64 times the largest. The eigenvalues of the
    Gram matrix, which are their squares, would lose all below 1e-8 of it.

    Args:
      matrix: finite numbers, [items, width], such as the embeddings of all items.

    Returns:
      float64 [min(items, width)], descending.

    Raises:
      ValueError: if the matrix is empty, of other dimensions, or not finite.
    """
    array = np.asarray(matrix, np.float64)
    if array.ndim != 2 or not array.size:
        raise ValueError(
            "A matrix must have two dimensions, items and width, none of them empty. "
            f"Received: shape {array.shape}."
        )
    if not np.isfinite(array).all():
        wrong = int(np.sum(~np.isfinite(array)))
        raise ValueError(
            "A matrix must be finite. Received: "
            f"{wrong} of {array.size} values that are NaN or infinite."
        )
    return np.linalg.svd(array, compute_uv=False)


def information_abundance(values: npt.ArrayLike) -> float:
    """The sum of singular values over the largest: ||s||_1 / ||s||_inf.

    It is the width for a matrix whose columns are orthogonal and of one length, so that
    all dimensions count alike, and 1 for one of rank one, all of whose rows lie on a
    line.

    Source: Guo et al., "On the Embedding Collapse when Scaling up Recommendation
    Models", arXiv:2310.04400.

    Args:
      values: singular values, [n], as `singular_values` has them.

    Returns:
      A number in [1, n].

    Raises:
      ValueError: if there are no values, all are zero, or one is negative or not
        finite.
    """
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or not array.size:
        raise ValueError(
            "Singular values must be one-dimensional, with at least one value. "
            f"Received: shape {array.shape}."
        )
    if not (np.isfinite(array).all() and array.min() >= 0 and array.max() > 0):
        raise ValueError(
            "Singular values must be finite and at least 0, and one of them above 0. "
            f"Received: values from {array.min():g} to {array.max():g}."
        )
    return float(array.sum() / array.max())
