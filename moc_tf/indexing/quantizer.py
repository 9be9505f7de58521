"""What all quantizers share: codebooks, their losses and their ways of learning."""

import abc
from typing import Any, NamedTuple

import tensorflow as tf

from moc_tf._keras import keras
from moc_tf.global_batch import global_mean, global_sum
from moc_tf.indexing.estimators import ESTIMATORS
from moc_tf.indexing.squared_error import mean_squares

CODEBOOK_UPDATES = ("gradient", "ema")
DISTANCES = ("l2", "cosine")

_SHORTEST = 1e-3  # length below which a vector has no direction worth its gradient


class Quantization(NamedTuple):
    """What a quantizer makes of a batch of latents.

    Attributes:
      codes: int32 [batch, N], index of the chosen code in each codebook.
      quantized: float32, of the latents' shape: what the codes stand for, through
        which the estimator passes gradients on to the latents.
      losses: name -> float32 scalar, unweighted; means over batch, N and D. Under a
        strategy with several replicas, this replica's share of them.
    """

    codes: tf.Tensor
    quantized: tf.Tensor
    losses: dict[str, tf.Tensor]


class Assignment(NamedTuple):
    """Which codes a batch of latents gets, and why.

    Attributes:
      codes: int32 [batch, N].
      targets: float32 [batch, N, D], what each codebook had to represent.
      chosen: float32 [batch, N, D], the code vectors next to the targets.
    """

    codes: tf.Tensor
    targets: tf.Tensor
    chosen: tf.Tensor


class Quantizer(keras.layers.Layer, abc.ABC):
    """N codebooks of K code vectors in D dimensions, as one weight.

        losses: codebook   = mean ||sg t_n - q_n||²     ("gradient" alone)
                commitment = mean ||t_n - sg q_n||²

    where t_n is what codebook n had to represent, q_n the code vector it chose and sg
    the stop-gradient. The squared norms are averaged over dimensions as well as over
    the batch, a choice of ours.

    `codebook_update="ema"` moves each code, at every call with `training=True`, towards
    the mean of the targets that chose it, with c its `counts`, n the number of these
    targets and S their sum:

        c <- g c + (1 - g) n,    E <- E + (1 - g) (S - n E) / c

    This is the quotient of the moving averages of S and n (van den Oord et al.,
    arXiv:1711.00937, appendix A.1) where they start consistently, the sum as E times c.
    So a code without targets stays where it is, and none leaves the hull of its old
    place and its targets.

    It computes in float32 whatever Keras' global policy is, unless `dtype` says
    otherwise: in half precision, many distances are equal.

    Args:
      num_codebooks: N.
      codebook_size: K, codes in a codebook.
      codebook_dim: D, dimensions of a code.
      distance: "l2", or "cosine", which has latents and codes scaled to unit length;
        see `unit_length`.
      estimator: "straight_through" or "rotation"; see `moc_tf.indexing.estimators`.
      codebook_update: "gradient" or "ema".
      ema_decay: g, in (0, 1).
      codebook_initializer: of the one weight `codebooks`, [N, K, D]. An indexer
        replaces the initial values.
    """

    def __init__(
        self,
        num_codebooks: int,
        codebook_size: int,
        codebook_dim: int,
        distance: str = "l2",
        estimator: str = "straight_through",
        codebook_update: str = "gradient",
        ema_decay: float = 0.99,
        codebook_initializer: Any = "uniform",
        **kwargs: Any,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        for name, value in (
            ("num_codebooks", num_codebooks),
            ("codebook_size", codebook_size),
            ("codebook_dim", codebook_dim),
        ):
            if value < 1:
                raise ValueError(f"{name} must be at least 1. Received: {value}.")
        for name, choice, choices in (
            ("distance", distance, DISTANCES),
            ("estimator", estimator, tuple(ESTIMATORS)),
            ("codebook_update", codebook_update, CODEBOOK_UPDATES),
        ):
            if choice not in choices:
                raise ValueError(
                    f"{name} must be one of {list(choices)}. Received: {choice!r}."
                )
        if not 0 < ema_decay < 1:
            raise ValueError(f"ema_decay must be in (0, 1). Received: {ema_decay}.")
        self.num_codebooks = num_codebooks
        self.codebook_size = codebook_size
        self.codebook_dim = codebook_dim
        self.distance = distance
        self.estimator = estimator
        self.codebook_update = codebook_update
        self.ema_decay = ema_decay
        self.codebook_initializer = keras.initializers.get(codebook_initializer)
        self.counts: tf.Variable | None = None

    def build(self, input_shape: Any) -> None:
        """Creates the codebooks."""
        shape = (self.num_codebooks, self.codebook_size)
        self.codebooks = self.add_weight(
            name="codebooks",
            shape=(*shape, self.codebook_dim),
            initializer=self.codebook_initializer,
            trainable=self.codebook_update == "gradient",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
            if self.codebook_update == "ema"
            else tf.VariableAggregation.NONE,
        )
        if self.codebook_update == "ema":
            self.counts = self.add_weight(
                name="counts",
                shape=shape,
                initializer="ones",
                trainable=False,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
        super().build(input_shape)

    @abc.abstractmethod
    def assign(self, latents: tf.Tensor) -> Assignment:
        """Chooses codes for `latents`; gradients reach targets and codebooks."""

    @abc.abstractmethod
    def lookup(self, codes: tf.Tensor) -> tf.Tensor:
        """What `codes` [batch, N] stand for, in the latents' shape."""

    @abc.abstractmethod
    def _pass_gradients(self, latents: tf.Tensor, assigned: Assignment) -> tf.Tensor:
        """What the assigned codes stand for, with gradients by the estimator."""

    def encode(self, latents: tf.Tensor) -> tf.Tensor:
        """Codes of `latents`: int32 [batch, N]."""
        return self.assign(latents).codes

    def code_vectors(self) -> tf.Tensor:
        """The codes as they are compared and looked up: float32 [N, K, D]."""
        return self._scaled(tf.convert_to_tensor(self.codebooks))

    def call(self, latents: tf.Tensor, training: bool | None = None) -> Quantization:
        """Quantises `latents`; in training, "ema" moves the codebooks afterwards."""
        assigned = self.assign(latents)
        losses = {
            "commitment": _mean_square(assigned.targets, sg(assigned.chosen)),
        }
        if self.codebook_update == "gradient":
            losses["codebook"] = _mean_square(sg(assigned.targets), assigned.chosen)
        quantized = self._pass_gradients(latents, assigned)
        if training and self.codebook_update == "ema":
            self._move_codebooks(assigned.codes, sg(assigned.targets))
        return Quantization(assigned.codes, quantized, losses)

    def _scaled(self, vectors: tf.Tensor) -> tf.Tensor:
        if self.distance == "cosine":
            return unit_length(vectors)
        return vectors

    def _rows(self, codes: tf.Tensor) -> tf.Tensor:
        """Vectors of `codes` [batch, n] of the first n codebooks: [batch, n, D]."""
        every = tf.reshape(self.code_vectors(), [-1, self.codebook_dim])
        return tf.gather(every, codes + self._offsets()[: codes.shape[1]])

    def _offsets(self) -> tf.Tensor:
        """Places of the codebooks' first codes among those of all: int32 [N]."""
        return self.codebook_size * tf.range(self.num_codebooks)

    def _move_codebooks(self, codes: tf.Tensor, targets: tf.Tensor) -> None:
        """One step of the moving averages, over all replicas' targets."""
        assert self.counts is not None
        shape = [self.num_codebooks, self.codebook_size]
        places = tf.reshape(codes + self._offsets(), [-1])
        points = tf.reshape(targets, [-1, self.codebook_dim])
        total = self.num_codebooks * self.codebook_size
        number = tf.math.unsorted_segment_sum(tf.ones_like(points[:, 0]), places, total)
        sums = tf.math.unsorted_segment_sum(points, places, total)
        number = tf.reshape(global_sum(number), shape)
        sums = tf.reshape(global_sum(sums), [*shape, self.codebook_dim])
        fresh = 1.0 - self.ema_decay
        counts = self.ema_decay * self.counts + fresh * number
        shift = sums - number[..., tf.newaxis] * self.codebooks
        step = tf.math.divide_no_nan(fresh * shift, counts[..., tf.newaxis])
        self.codebooks.assign(self.codebooks + step)
        self.counts.assign(counts)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "num_codebooks": self.num_codebooks,
            "codebook_size": self.codebook_size,
            "codebook_dim": self.codebook_dim,
            "distance": self.distance,
            "estimator": self.estimator,
            "codebook_update": self.codebook_update,
            "ema_decay": self.ema_decay,
            "codebook_initializer": keras.initializers.serialize(
                self.codebook_initializer
            ),
        }


def unit_length(vectors: tf.Tensor) -> tf.Tensor:
    """`vectors`, float32 [..., D], scaled to unit length.

    Those shorter than 1e-3 are divided by 1e-3 instead, a zero vector too. So gradients
    grow by a factor of 1,000 at most, where division by the length would have no bound.
    Which code of unit length is nearest does not depend on what a latent is divided by;
    only for those shorter than about 1e-8 is it a matter of rounding.
    """
    return tf.math.l2_normalize(vectors, axis=-1, epsilon=_SHORTEST**2)


def sg(values: tf.Tensor) -> tf.Tensor:
    """The stop-gradient, under its short name of the formulas."""
    return tf.stop_gradient(values)


def _mean_square(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    return global_mean(mean_squares(one, other))
