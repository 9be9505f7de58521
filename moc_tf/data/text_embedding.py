"""Texts to vectors through any encoder, in batches of texts that are equally long."""

import dataclasses
import reprlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

VectorDtype = Literal["float16", "float32"]

_SHOWN = reprlib.Repr()
_SHOWN.maxstring = 80


class TextEncoder(Protocol):
    """What turns texts into vectors: any object with this one method.

    `SentenceEncoder` is one, and so are sentence-transformers' `SentenceTransformer`
    and LLM2Vec's `LLM2Vec` as they are.
    """

    def encode(self, texts: list[str], /) -> npt.ArrayLike:
        """Vectors of a batch of texts.

        Args:
          texts: at most `batch_size` texts of about equal length.

        Returns:
          Floats [texts, dims], a row a text in the same order, as anything that NumPy
          reads as an array: a torch tensor too, if it lies in the CPU's memory. The
          same dims at every call.
        """
        ...


@dataclasses.dataclass(frozen=True)
class EmbeddingProgress:
    """How far an embedding has come.

    Attributes:
      done: texts that have their vector.
      total: texts.
      seconds: since this process began to embed.
      texts_per_second: of what this process embedded.
      seconds_left: as estimated from the characters that are left.
    """

    done: int
    total: int
    seconds: float
    texts_per_second: float
    seconds_left: float


Report = Callable[[EmbeddingProgress], None]


def embed_texts(
    texts: Sequence[str],
    encoder: TextEncoder,
    *,
    batch_size: int = 32,
    normalize: bool = True,
    dtype: VectorDtype = "float16",
    report: Report | None = None,
) -> np.ndarray:
    """Vectors of texts, in their order and in memory.

    Args:
      texts: at least one, [texts].
      encoder: what encodes them.
      batch_size: texts that the encoder gets at once, sorted by length.
      normalize: scale each vector to unit length.
      dtype: of the result. What lies beyond float16 is an error, never infinity.
      report: called after each batch.

    Returns:
      `dtype` [texts, dims].

    Raises:
      ValueError: if there are no texts, a setting is out of range, or the encoder
        returns something other than one finite vector a text.
    """
    order = longest_first(texts)
    batches = encode_in_order(
        texts, order, encoder, batch_size, normalize, dtype, report
    )
    rows, batch = next(batches)
    vectors = np.empty((len(texts), batch.shape[1]), batch.dtype)
    vectors[rows] = batch
    for rows, batch in batches:
        vectors[rows] = batch
    return vectors


def longest_first(texts: Sequence[str]) -> np.ndarray:
    """Rows of `texts`, int64, by falling length; equally long ones in their order.

    Neighbours need hardly any padding. The longest come first, so that a batch that
    does not fit into memory fails at once, and not after hours.
    """
    return np.argsort([-len(text) for text in texts], kind="stable")


def encode_in_order(
    texts: Sequence[str],
    order: np.ndarray,
    encoder: TextEncoder,
    batch_size: int,
    normalize: bool,
    dtype: VectorDtype,
    report: Report | None = None,
    dims: int | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Encodes some of the texts, batch by batch.

    Args:
      texts: all texts, [texts].
      order: rows of those to encode, in this order. The others count as done.
      encoder: what encodes them.
      batch_size: texts in a batch.
      normalize: as in `embed_texts`.
      dtype: as in `embed_texts`.
      report: as in `embed_texts`.
      dims: dimensions that the vectors must have; None if not yet known.

    Yields:
      Rows of a batch, and their vectors, `dtype` [batch, dims].

    Raises:
      ValueError: as in `embed_texts`.
    """
    if not len(texts):
        raise ValueError("There are no texts to embed. Expected: at least one.")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1. Received: {batch_size}.")
    if dtype not in ("float16", "float32"):
        raise ValueError(
            f"Vectors can be float16 or float32. Received: dtype {dtype!r}."
        )
    lengths = np.array([len(texts[row]) for row in order], np.int64)
    begin, encoded = time.monotonic(), 0
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = [texts[row] for row in rows]
        vectors = _as_vectors(encoder.encode(batch), batch, dims)
        dims = vectors.shape[1]
        yield rows, _finish(vectors, batch, normalize, dtype)
        encoded += len(rows)
        if report is not None:
            seconds = time.monotonic() - begin
            # A text without a letter takes time as well.
            work, left = lengths[:encoded] + 1, lengths[encoded:] + 1
            report(
                EmbeddingProgress(
                    done=len(texts) - len(order) + encoded,
                    total=len(texts),
                    seconds=seconds,
                    texts_per_second=encoded / max(seconds, 1e-9),
                    seconds_left=seconds * float(left.sum() / work.sum()),
                )
            )


def _as_vectors(
    output: npt.ArrayLike, batch: Sequence[str], dims: int | None
) -> np.ndarray:
    """What the encoder returned, float32 or float64 [batch, dims], checked."""
    try:
        vectors = np.asarray(output)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            "The encoder must return vectors that NumPy reads as an array. Received: "
            f"{type(output).__name__}, and the error: {error}. A torch tensor needs "
            ".detach().float().cpu() in the encoder's encode."
        ) from error
    expected = f"[{len(batch)}, {'dims' if dims is None else dims}]"
    if (
        vectors.dtype.kind != "f"
        or vectors.ndim != 2
        or len(vectors) != len(batch)
        or vectors.shape[1] != (dims or vectors.shape[1])
        or not vectors.size
    ):
        raise ValueError(
            f"The encoder must return floats {expected}, a vector for each of the "
            f"{len(batch)} texts that it got. Received: dtype {vectors.dtype}, shape "
            f"{vectors.shape}."
        )
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise ValueError(
            "The encoder must return finite numbers. Received: NaN or infinity in the "
            f"vector of {_first(batch, ~finite)}. Does it compute in float16? "
            "bfloat16 or float32 have the range that it lacks."
        )
    return vectors.astype(np.promote_types(vectors.dtype, np.float32), copy=False)


def _finish(
    vectors: np.ndarray, batch: Sequence[str], normalize: bool, dtype: VectorDtype
) -> np.ndarray:
    """The vectors as they are kept."""
    if normalize:
        # In float64, for the squares of large numbers are beyond float32.
        norms = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        if not norms.all():
            raise ValueError(
                "A vector of zeros cannot be scaled to unit length. Received: one of "
                f"{_first(batch, norms[:, 0] == 0)}. Keep the vectors as they are, "
                "with normalize=False, or leave this item out."
            )
        vectors = vectors / norms
    largest = np.abs(vectors).max(axis=1)
    over = largest > np.finfo(dtype).max
    if over.any():
        raise ValueError(
            f"{dtype} ends at {np.finfo(dtype).max:.6g}. Received: "
            f"{largest[over][0]:.6g} in the vector of {_first(batch, over)}. Scale "
            "the vectors to unit length, with normalize=True, or keep them in float32."
        )
    return vectors.astype(dtype)


def _first(batch: Sequence[str], mask: np.ndarray) -> str:
    return f"the text {_SHOWN.repr(batch[int(np.argmax(mask))])}"
