"""The same metrics of clicks that come batch by batch."""

import numpy as np
import numpy.typing as npt

from moc_tf.evaluation.checked_clicks import checked_clicks, checked_rows
from moc_tf.evaluation.click_evaluation import ClickEvaluation, evaluate_clicks


class StreamingClicks:
    """Takes in predicted clicks batch by batch, and evaluates all of them exactly.

    An exact AUC needs every score, so all rows are kept: a byte for a label, four for
    a logit (eight, if it comes in float64), one each for a new item and for a group,
    and the users as they come. That is 16 bytes a row with users of int64, 1.6 GB for
    100 million rows; `result` takes about 80 more a row while it computes.

    Example:
      >>> stream = StreamingClicks()
      >>> stream.update([1, 0], [0.3, -0.2])
      >>> stream.update([0], [0.1])
      >>> stream.result().all_items.auc
      1.0
    """

    def __init__(self) -> None:
        self._batches: dict[str, list[np.ndarray]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._batches.get("labels", [])))

    def update(
        self,
        labels: npt.ArrayLike,
        logits: npt.ArrayLike,
        user_rows: npt.ArrayLike | None = None,
        new_item_mask: npt.ArrayLike | None = None,
        item_groups: npt.ArrayLike | None = None,
        user_groups: npt.ArrayLike | None = None,
    ) -> None:
        """Takes in a batch; nothing of it if it is refused.

        Args:
          labels: as `evaluate_clicks` takes them.
          logits: likewise.
          user_rows: likewise; here and below, given with every batch or with none.
          new_item_mask: likewise.
          item_groups: likewise.
          user_groups: likewise.

        Raises:
          ValueError: if lengths differ, a label or logit is not as there, or if the
            batch tells more or less than those before it.
        """
        truth, _ = checked_clicks(labels, logits, "logits")
        given = {
            "user_rows": user_rows,
            "new_item_mask": new_item_mask,
            "item_groups": item_groups,
            "user_groups": user_groups,
        }
        scores = np.asarray(logits)
        # What float32 holds exactly is kept in it: integers and float64 are not.
        narrow = scores.dtype.kind == "f" and scores.dtype.itemsize <= 4
        batch = {"labels": truth, "logits": scores.astype("f4" if narrow else "f8")}
        for name, values in given.items():
            if values is not None:
                batch[name] = np.array(checked_rows(values, truth, name))
        if self._batches and batch.keys() != self._batches.keys():
            raise ValueError(
                "Every batch must tell the same of its rows. Received: "
                f"{list(batch)}, after batches of {list(self._batches)}."
            )
        for name, values in batch.items():
            self._batches.setdefault(name, []).append(values)

    def result(self) -> ClickEvaluation:
        """What `evaluate_clicks` says of all rows so far, in their order.

        Raises:
          ValueError: as `evaluate_clicks`, of the groups and the mask.
        """
        columns = {name: np.concatenate(b) for name, b in self._batches.items()}
        self._batches = {name: [column] for name, column in columns.items()}
        if not columns:
            return evaluate_clicks([], [])
        return evaluate_clicks(**columns)
