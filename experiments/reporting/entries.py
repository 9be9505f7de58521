"""The figures of a table as people read them."""

from typing import NamedTuple

from moc_tf.evaluation import Contrast, Interval

MISSING = "-"


class Entry(NamedTuple):
    """What stands in a place of a table.

    Attributes:
      text: in the first line.
      note: in the second, "" if there is none.
      target: the anchor that tells more, "" if there is none.
      command: that runs it again, "" if there is none.
    """

    text: str
    note: str = ""
    target: str = ""
    command: str = ""


def mean_text(interval: Interval | None, spec: str = ".4f") -> str:
    """The mean and half of its interval, such as "0.6370 ± 0.0086"."""
    if interval is None:
        return MISSING
    mean = format(interval.mean, spec)
    if interval.n == 1:
        return mean
    return f"{mean} ± {format(interval.half_width, spec.replace('+', ''))}"


def plain_mean(interval: Interval | None, spec: str) -> str:
    """The mean alone."""
    return MISSING if interval is None else format(interval.mean, spec)


def difference_text(contrast: Contrast | None) -> str:
    """The difference in AUC, such as "+0.0093 ± 0.0073 n.s."."""
    if contrast is None:
        return MISSING
    mark = " n.s." if contrast.verdict == "n.s." else ""
    return mean_text(contrast.differences["auc"], "+.4f") + mark


def p_text(contrast: Contrast | None) -> str:
    """The p-value and the adjusted one, such as "p 0.031, adjusted 0.124"."""
    if contrast is None or contrast.verdict == "untested":
        return ""
    raw = contrast.differences["auc"].p_value
    return f"p {p_value_text(raw)}, adjusted {p_value_text(contrast.adjusted_p_value)}"


def value_text(value: object) -> str:
    """A value of a row: numbers with four digits, integers in full."""
    if value is None or value != value:  # NaN
        return MISSING
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def p_value_text(value: float) -> str:
    """A p-value, such as "0.031"."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
