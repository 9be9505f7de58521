"""Features that are numbers instead of ids, with what standardises them."""

import dataclasses
import math

import numpy as np
import numpy.typing as npt

_BLOCK_VALUES = 2**22  # 32 MiB of float64
_SMALLEST_FLOAT32 = float(np.finfo(np.float32).tiny)  # what rankers can divide by


@dataclasses.dataclass(frozen=True)
class NumericFeature:
    """A field with one number an example: float [batch].

    The ranker sees (value - mean) / scale, with log(1 + value) for value if `log1p`.

    Attributes:
      name: key in the feature dictionary.
      mean: subtracted, after the logarithm if there is one.
      scale: divided by.
      log1p: whether to take log(1 + value) first, which counts and prices ask for;
        every value must then lie above -1.
    """

    name: str
    mean: float = 0.0
    scale: float = 1.0
    log1p: bool = False

    def __post_init__(self) -> None:
        _check_statistics(self.name, (self.mean,), self.scale)

    @property
    def center(self) -> float:
        """The value that is standardised to 0."""
        return math.expm1(self.mean) if self.log1p else self.mean

    @classmethod
    def fitted(
        cls, name: str, values: npt.ArrayLike, log1p: bool = False
    ) -> "NumericFeature":
        """The feature whose `values`, those of training, get mean 0 and deviation 1.

        Args:
          name: key in the feature dictionary.
          values: finite numbers, [rows]. Where all are equal, scale is 1.
          log1p: whether to take log(1 + value) first.

        Raises:
          ValueError: if there is no value, or one has no place on the scale.
        """
        numbers = np.asarray(values, np.float64)
        if numbers.ndim != 1 or not numbers.size or not np.isfinite(numbers).all():
            raise ValueError(
                f"Values of {name!r} must be finite numbers [rows], at least one. "
                f"Received: shape {list(numbers.shape)}, "
                f"{np.count_nonzero(~np.isfinite(numbers))} of them not finite. Drop "
                "the rows that lack a value, or give them one."
            )
        if log1p:
            if numbers.min() <= -1:
                raise ValueError(
                    f"log1p of {name!r} needs values above -1. Received: "
                    f"{numbers.min():g}."
                )
            numbers = np.log1p(numbers)
        varied = bool(numbers.max() > numbers.min())
        scale = _scale(float(numbers.std()), varied)
        return cls(name, float(numbers.mean()), scale, log1p)


@dataclasses.dataclass(frozen=True)
class VectorFeature:
    """A raw vector an example, such as an LLM's of the item: float [batch, dim].

    Small MLPs, one a field, turn (vector - mean) / scale into embeddings. Batches may
    hold vectors of float16: the ranker computes with float32.

    Attributes:
      name: key in the feature dictionary.
      dim: X, dimensions of a vector.
      num_fields: N, MLPs and therefore fields. Several are fused as codes are.
      mean: `dim` numbers, subtracted; () for none.
      scale: one number for all dimensions, divided by.
    """

    name: str
    dim: int
    num_fields: int = 1
    mean: tuple[float, ...] = dataclasses.field(default=(), repr=False)
    scale: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", tuple(self.mean))
        if min(self.dim, self.num_fields) < 1:
            raise ValueError(
                f"dim and num_fields of {self.name!r} must be at least 1. Received: "
                f"{self.dim} and {self.num_fields}."
            )
        if len(self.mean) not in (0, self.dim):
            raise ValueError(
                f"mean of {self.name!r} must have one number a dimension, {self.dim}, "
                f"or none. Received: {len(self.mean)} numbers."
            )
        _check_statistics(self.name, self.mean, self.scale)

    @classmethod
    def fitted(
        cls, name: str, vectors: npt.ArrayLike, num_fields: int = 1
    ) -> "VectorFeature":
        """The feature that centres `vectors` and scales them to unit mean square.

        That is what stage 1 does with the same vectors.

        Args:
          name: key in the feature dictionary.
          vectors: finite, those of training, [rows, dim]. Where all are equal, scale
            is 1.
          num_fields: N.

        Raises:
          ValueError: if there is no vector, or one is not finite.
        """
        rows = np.asanyarray(vectors)
        if rows.ndim != 2 or not rows.size:
            raise ValueError(
                f"Vectors of {name!r} must be numbers [rows, dim], at least one. "
                f"Received: shape {list(rows.shape)}."
            )
        mean = rows.mean(axis=0, dtype=np.float64)
        step = max(1, _BLOCK_VALUES // rows.shape[1])
        squares = sum(
            float(np.sum(np.square(rows[start : start + step] - mean)))
            for start in range(0, len(rows), step)
        )
        varied = bool((rows.max(axis=0) > rows.min(axis=0)).any())
        scale = _scale(math.sqrt(squares / rows.size), varied)
        return cls(name, rows.shape[1], num_fields, tuple(mean.tolist()), scale)


def _scale(deviation: float, varied: bool) -> float:
    """What to divide by: 1 where nothing varies, though its mean may be rounded."""
    return deviation if varied and deviation > _SMALLEST_FLOAT32 else 1.0


def _check_statistics(name: str, mean: tuple[float, ...], scale: float) -> None:
    wrong = [number for number in mean if not math.isfinite(number)]
    if wrong:
        raise ValueError(f"mean of {name!r} must be finite. Received: {wrong[0]}.")
    if not 0 < scale < math.inf:
        raise ValueError(
            f"scale of {name!r} must be finite and above 0. Received: {scale}."
        )
