"""Which dimensions of the code embeddings a trained ranker uses."""

from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf.evaluation import singular_values
from moc_tf.ranking.embeddings import FieldEmbeddings

# Looked up at once, so that memory does not grow with the catalogue: what was before
# is kept as the triangle of its QR decomposition, which has the same singular values.
_ROWS = 65_536


def code_spectrum(layer: FieldEmbeddings, codes: np.ndarray) -> tuple[float, ...]:
    """Singular values of the items' code embeddings, descending.

    They are of the matrix [items, N d] that has what `layer` makes of each item's
    codes, before any fusion and not centred: what the fusion reads. An item counts as
    often as it is there, whichever rows of the log it has.

    Source: Zhang et al., "Towards Scalable Semantic Representation for
    Recommendation", arXiv:2410.09560, which calls dimension robustness what they tell.
    That all items of the catalogue count once is our choice.

    Args:
      layer: of the codes, built; N is the fields that it makes, d their size.
      codes: integers [items, codes of an item]; items that have none, which is to say
        a -1, are left out.

    Returns:
      min(items, N d) values.

    Raises:
      ValueError: if no item has codes, or an embedding is not finite.
    """
    with_codes = codes[(codes >= 0).all(axis=1)]
    width = len(layer.vocabulary_sizes) * layer.embedding_dim
    triangle: Any = np.zeros((0, width))  # NumPy's types lack the mode "r" of qr
    for start in range(0, len(with_codes), _ROWS):
        embeddings = layer(tf.constant(with_codes[start : start + _ROWS])).numpy()
        rows = embeddings.reshape(-1, width).astype(np.float64)
        triangle = np.linalg.qr(np.concatenate([triangle, rows]), mode="r")
    return tuple(singular_values(triangle).tolist())
