"""Trains the id of unseen values: hides some of the known ones."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from moc_tf.data.pipeline import FIXED_PIPELINE, pass_number


def hide_values(
    batches: tf.data.Dataset,
    names: Sequence[str],
    rate: float,
    seed: int,
    first_pass: int = 0,
) -> tf.data.Dataset:
    """Replaces ids by 0, the id of unseen values, at random.

    With vocabularies of the training part, no training row has a value of id 0, so
    that its embedding stays as it was drawn, and every row of a new item or user is
    scored with noise. Hiding a share of the ids teaches a ranker what to make of the
    others when one is unknown.

    Args:
      batches: dictionaries of integers [batch] and other tensors.
      names: of the ids to hide, each independently.
      rate: share of them, in [0, 1).
      seed: of the draws, which differ from pass to pass.
      first_pass: number of the first pass, for a training that is resumed; see
        `make_batches`.

    Returns:
      The batches with some ids replaced.

    Raises:
      ValueError: if the rate is out of range, or, unless it is 0, there is no name, or
        one that is not of integers [batch].
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate must lie in [0, 1). Received: {rate}.")
    if not rate:
        return batches
    _check_names(names, batches.element_spec)
    base = tf.constant([seed, 1], tf.int64)

    def one_pass(number: tf.Tensor) -> tf.data.Dataset:
        pass_seed = tf.random.fold_in(base, number)

        def hide(step: tf.Tensor, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            shape = [len(names), tf.shape(batch[names[0]])[0]]
            drawn = tf.random.stateless_uniform(
                shape, tf.random.fold_in(pass_seed, step)
            )
            hidden = {
                name: tf.where(drawn[i] < rate, tf.zeros_like(batch[name]), batch[name])
                for i, name in enumerate(names)
            }
            return {**batch, **hidden}

        return batches.enumerate().map(hide)

    hidden = pass_number(first_pass).flat_map(one_pass).with_options(FIXED_PIPELINE)
    cardinality = tf.data.experimental.assert_cardinality(batches.cardinality())
    return hidden.apply(cardinality).prefetch(4)


def _check_names(names: Sequence[str], spec: Mapping[str, tf.TypeSpec]) -> None:
    ids = [
        name
        for name, each in spec.items()
        if isinstance(each, tf.TensorSpec)
        and each.dtype.is_integer
        and each.shape.is_compatible_with([None])
    ]
    if not names or not set(names) <= set(ids):
        raise ValueError(
            f"names must be some of the batches' integers [batch], {sorted(ids)}. "
            f"Received: {list(names)}."
        )
