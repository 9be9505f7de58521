"""Stage 1 inside a TensorFlow graph: vectors to codes without moc_tf."""

import tensorflow as tf

from moc_tf.indexing.fixed_chunks import CHUNK
from moc_tf.indexing.indexer import Indexer
from moc_tf.indexing.methods import indexing_methods, make_indexer


class GraphEncoder(tf.Module):
    """`Indexer.encode` as a function that graphs and SavedModels can hold.

    The codes are exactly those of `Indexer.encode`, for the graph goes through the rows
    in chunks of `CHUNK`, the last one filled up with zeros, as that does. So one vector
    costs as much as a chunk, and the size of a request cannot change its code. In
    smaller chunks the last bits of latents would differ, and with them the codes of
    vectors that lie, but for rounding, as near to one code as to another.

    Args:
      indexer: a fitted indexer.

    Attributes:
      input_dim: X, dimensions of a vector.
      codes_per_item: N, codes of an item.

    Call arguments:
      vectors: float32 [batch, X], finite; no graph checks that they are finite.

    Returns:
      int32 [batch, N], in [0, K).

    Raises:
      NotFittedError: if the indexer is not fitted.
      ValueError: if its method cannot encode in a graph, naming those that can, or if
        vectors have another width; InvalidArgumentError where only the running graph
        knows their width.
    """

    def __init__(self, indexer: Indexer):
        super().__init__(name="graph_encoder")
        self.input_dim = indexer._require_fitted()
        if not indexer.encodes_in_graph:
            able = [m for m in indexing_methods() if make_indexer(m).encodes_in_graph]
            raise ValueError(
                f"Method {indexer.method!r} has no codes that a TensorFlow graph could "
                f"compute. Received: {indexer}. Methods that encode in a graph: {able}."
            )
        self.codes_per_item = indexer.codes_per_item
        self._encode_chunk = indexer._encode_chunk
        # Whoever saves the graph must find its variables here.
        self._state = list(self._encode_chunk.variables)

    def __call__(self, vectors: tf.Tensor) -> tf.Tensor:
        """Codes of `vectors`."""
        tf.debugging.assert_shapes(
            [(vectors, (None, self.input_dim))],
            message="Vectors must be as wide as those that the indexer was fitted on, "
            f"{self.input_dim}",
        )
        rows = tf.shape(vectors)[0]
        chunks = -(-rows // CHUNK)
        padded = tf.pad(vectors, [[0, chunks * CHUNK - rows], [0, 0]])
        codes = tf.map_fn(
            self._encode_chunk,
            tf.reshape(padded, [-1, CHUNK, self.input_dim]),
            fn_output_signature=tf.TensorSpec([CHUNK, self.codes_per_item], tf.int32),
        )
        return tf.reshape(codes, [-1, self.codes_per_item])[:rows]
