"""Watches the codebooks while they train, and stops a training that is lost."""

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.code_statistics import perplexity

_MEASURES = ("usage", "perplexity", "dead_codes", "largest_code_norm")


class DivergedError(RuntimeError):
    """A loss or a codebook became NaN or infinite, from which no training recovers."""


class CodebookCollapseError(RuntimeError):
    """The codebooks use so few of their codes that they tell items apart no more."""


class CodebookHealth(keras.callbacks.Callback):
    """Logs how codebooks are used, and raises where training on is a waste of time.

    The logs of an epoch gain, over codebooks:

    - `usage`: share of the codes that a vector chose, mean;
    - `perplexity`: of these choices, mean;
    - `dead_codes`: codes that no vector chose, sum;
    - `largest_code_norm`: norm of the largest code vector, dead ones included, over the
      root mean square norm of the chosen ones, maximum. Latents lie about the latter;
      codes that run away from them raise it.

    Collapse is called after `patience` epochs in a row in which the mean usage is
    under `min_usage`, or a codebook uses a single code. Usage counts as a share of
    the codes that could be used: no more than K, vectors, or distinct vectors. Where
    a codebook gives each distinct vector a code of its own, nothing has collapsed,
    whatever the others do.

    The model is a `CodeAutoencoder`, or has like it `usage`, a variable [N, K] of how
    often each code was chosen in the epoch, `quantizer.codebooks`, [N, K, D], and
    `warming`, true in epochs that leave the codebooks out and are only checked for
    NaN. A training that goes on at a later epoch begins counting `patience` anew.

    Args:
      log_dir: folder for TensorBoard, where given: each figure of each codebook, and
        histograms of the uses of its codes.
      min_usage: least mean usage, in [0, 1]; 0 asks for none.
      patience: epochs of collapse after which to raise, at least 1.
      sample: vectors [rows, X] that training sees, to count the distinct ones; None
        takes all as distinct.

    Raises:
      DivergedError: while training, as soon as Keras reports a batch whose loss terms
        are not finite, or an epoch whose codebooks are not.
      CodebookCollapseError: while training, at the end of an epoch.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        min_usage: float = 0.05,
        patience: int = 2,
        sample: np.ndarray | None = None,
    ):
        super().__init__()
        if not 0 <= min_usage <= 1:
            raise ValueError(f"min_usage must lie in [0, 1]. Received: {min_usage}.")
        if patience < 1:
            raise ValueError(f"patience must be at least 1. Received: {patience}.")
        self._log_dir = log_dir
        self._min_usage = min_usage
        self._patience = patience
        self._distinct = math.inf if sample is None else _distinct_rows(sample)
        self._epoch = 0
        self._collapsed_epochs = 0
        self._writer: Any = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Forgets earlier trainings."""
        self._collapsed_epochs = 0
        if self._log_dir is not None:
            self._writer = tf.summary.create_file_writer(os.fspath(self._log_dir))

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Remembers which epoch it is."""
        self._epoch = epoch

    def on_train_batch_end(
        self, batch: int, logs: Mapping[str, Any] | None = None
    ) -> None:
        """Raises DivergedError unless all that is logged is finite."""
        # These are means over the epoch so far: once NaN, they stay so.
        lost = {k: float(v) for k, v in (logs or {}).items() if not np.isfinite(v)}
        if lost:
            seen = ", ".join(f"{name} is {value}" for name, value in lost.items())
            raise self._diverged(f"in epoch {self._epoch}, batch {batch}: {seen}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Logs the epoch's figures; raises if training has diverged or collapsed."""
        codebooks = self.model.quantizer.codebooks.numpy()
        broken = np.flatnonzero(~np.isfinite(codebooks).all(axis=(1, 2)))
        if broken.size:
            raise self._diverged(
                f"in epoch {epoch}: NaN or Inf in the code vectors of codebooks "
                f"{broken.tolist()}"
            )
        if self.model.warming:
            return
        counts = self.model.usage.numpy()
        if not counts.any(axis=1).all():
            raise ValueError(
                "The model must count each epoch's codes in `usage`. Received: no use "
                f"at all of a codebook at the end of epoch {epoch}. Was it reset "
                "before this callback?"
            )
        figures = _figures(counts, codebooks)
        if logs is not None:
            logs["usage"] = float(figures["usage"].mean())
            logs["perplexity"] = float(figures["perplexity"].mean())
            logs["dead_codes"] = int(figures["dead_codes"].sum())
            logs["largest_code_norm"] = float(figures["largest_code_norm"].max())
        if self._writer is not None:
            self._write(epoch, counts, figures)
        fault = self._collapse(counts)
        self._collapsed_epochs = self._collapsed_epochs + 1 if fault else 0
        if self._collapsed_epochs >= self._patience:
            raise self._collapsed(epoch, fault, figures["usage"])

    def on_train_end(self, logs: dict | None = None) -> None:
        """Closes the TensorBoard file."""
        if self._writer is not None:
            self._writer.close()

    def _collapse(self, counts: np.ndarray) -> str:
        """What is wrong with the uses of codes [N, K]; "" if nothing is."""
        used = np.sum(counts > 0, axis=1)
        distinct = min(self._distinct, counts[0].sum())
        usable = int(min(counts.shape[1], distinct))
        if used.max() >= distinct or usable < 2:
            return ""
        single = np.flatnonzero(used < 2)
        if single.size:
            return f"codebooks {single.tolist()} use a single code"
        share = used.mean() / usable
        if share < self._min_usage:
            return (
                f"the mean usage is {share:.2%} of the {usable} codes that could be "
                f"used, under min_usage={self._min_usage}"
            )
        return ""

    def _write(
        self, epoch: int, counts: np.ndarray, figures: Mapping[str, np.ndarray]
    ) -> None:
        # At its end this flushes, so that nothing that follows takes the figures along.
        with self._writer.as_default(step=epoch):
            for n in range(len(counts)):
                for name in _MEASURES:
                    tf.summary.scalar(f"{name}/codebook_{n}", figures[name][n])
                tf.summary.histogram(f"uses_of_a_code/codebook_{n}", counts[n])

    def _diverged(self, seen: str) -> DivergedError:
        return DivergedError(
            f"The training diverged {seen}. Nothing that follows would be better, so "
            f"it was stopped. The likely cause is steps that are too long: lower "
            f"learning_rate{self._learning_rate()} by a factor of 3 to 10. Otherwise "
            "look for a few vectors that are far longer than the rest, and for large "
            "weights of the loss terms (commitment_cost, diversity_weight)."
        )

    def _collapsed(
        self, epoch: int, fault: str, usage: np.ndarray
    ) -> CodebookCollapseError:
        shares = ", ".join(f"{share:.1%}" for share in usage)
        return CodebookCollapseError(
            f"The codebooks collapsed: in epoch {epoch}, as in all of the last "
            f"{self._collapsed_epochs}, {fault}. Usage by codebook: {shares}. Likely "
            "causes, and what to change: codes that started far from the latents "
            "(start them by k-means); codes that nothing chose and nothing moved "
            "(replace dead codes each epoch); an encoder that outruns its codebooks "
            f"(lower learning_rate{self._learning_rate()}, raise commitment_cost); "
            "more codes than the vectors need (lower codebook_size or num_codebooks)."
        )

    def _learning_rate(self) -> str:
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is None:
            return ""
        return f" (now {float(optimizer.learning_rate):g})"


def _distinct_rows(vectors: np.ndarray) -> int:
    # Not np.unique, which compares equal rows value by value. 0 makes one of two zeros.
    return len({row.tobytes() for row in vectors + 0})


def _figures(counts: np.ndarray, codebooks: np.ndarray) -> dict[str, np.ndarray]:
    """Each of `_MEASURES` by codebook, [N], of counts [N, K], codebooks [N, K, D]."""
    squares = np.sum(np.square(codebooks, dtype=np.float64), axis=2)
    chosen = np.sum(squares * counts, axis=1) / counts.sum(axis=1)
    # Where all chosen codes are zero there is no scale, and none to exceed if all are.
    scale = np.maximum(chosen, np.finfo(np.float32).tiny)
    return {
        "usage": np.mean(counts > 0, axis=1),
        "perplexity": perplexity(counts),
        "dead_codes": np.sum(counts == 0, axis=1),
        "largest_code_norm": np.sqrt(squares.max(axis=1) / scale),
    }
