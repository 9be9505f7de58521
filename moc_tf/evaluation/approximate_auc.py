"""An AUC for progress bars, and for nothing else."""

from typing import Any


def approximate_auc(num_thresholds: int = 200) -> Any:
    """Keras' streaming AUC of logits, under a name that says what it is.

    It counts scores between thresholds that are evenly spaced in probability, so its
    memory does not grow, and interpolates: with clicks that are rare, all scores may
    lie between a few thresholds, and the error reaches several hundredths. Reports and
    early stopping need `auc`, or `StreamingClicks` for batches.

    Any Keras model takes it, and a `Ranker` by its task:

        model.task = tfrs.tasks.Ranking(loss=..., metrics=[approximate_auc()])

    Args:
      num_thresholds: at least 2; error falls and time of a step grows with it.

    Returns:
      A `keras.metrics.AUC` named "approximate_auc".

    Raises:
      ValueError: if num_thresholds is below 2.
    """
    from moc_tf._keras import keras

    if num_thresholds < 2:
        raise ValueError(
            f"num_thresholds must be at least 2. Received: {num_thresholds}."
        )
    return keras.metrics.AUC(
        num_thresholds=num_thresholds, from_logits=True, name="approximate_auc"
    )
