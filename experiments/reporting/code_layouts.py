"""What each suite of codes shows: columns, and the picture."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from experiments.reporting.rows import Row
from moc_tf.evaluation import (
    ScalingPanel,
    mean_interval,
    plot_code_scaling,
    plot_redundancy,
)

_CLUSTERS = "with k-means clusters of the vectors"


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a suite of codes is shown.

    Attributes:
      title: of its section.
      columns: of its table: key of the rows -> head.
      picture: what its picture shows.
      slug: begins the picture's file name.
      draw: draws rows of one data set to a path.
    """

    title: str
    columns: Mapping[str, str]
    picture: str
    slug: str
    draw: Callable[[Sequence[Row], Path], None]


def _draw_error(rows: Sequence[Row], path: Path) -> None:
    panel = ScalingPanel(
        "relative_error", "relative reconstruction error", "share of variance lost"
    )
    plot_code_scaling(rows, path, [panel])


def _draw_discriminability(rows: Sequence[Row], path: Path) -> None:
    panels = []
    for prefix, of_what in (("", "each code set, mean"), ("joint_", "joint code")):
        panels += [
            ScalingPanel(f"{prefix}cluster_nmi", of_what, f"NMI {_CLUSTERS}"),
            ScalingPanel(f"{prefix}cluster_ami", of_what, f"AMI {_CLUSTERS}"),
            ScalingPanel(
                f"{prefix}label_bits",
                f"{of_what} (dashed: chance)",
                "I(code; label), plug-in, bits",
                f"{prefix}chance_label_bits",
            ),
            ScalingPanel(
                f"{prefix}extra_label_bits", of_what, "I(code; label) less chance, bits"
            ),
        ]
    plot_code_scaling(rows, path, panels)


def _draw_redundancy(rows: Sequence[Row], path: Path) -> None:
    """The heat map of each method's first seed; above it, the mean over all."""
    by_method: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        if row["mean_nmi"] is not None:  # of several codebooks
            by_method.setdefault((row["method"], row["num_codes"]), []).append(row)
    matrices = {}
    for (method, count), of_method in by_method.items():
        nmi = [row["mean_nmi"] for row in of_method]
        chance = mean_interval([row["chance_nmi"] for row in of_method]).mean
        ends = f" ({min(nmi):.3f} to {max(nmi):.3f})" if len(nmi) > 1 else ""
        told = f"mean {mean_interval(nmi).mean:.3f}{ends}, chance {chance:.3f}"
        first = of_method[0]
        name = f"{method}, {count} codes, seed {first['seed']}\n{told}"
        matrices[name] = first["pairwise_nmi"]
    title = "NMI between codebooks; above each map, mean and range over seeds"
    plot_redundancy(matrices, path, title)


def _label_columns(prefix: str, of_what: str) -> dict[str, str]:
    return {
        f"{prefix}cluster_nmi": f"NMI, {of_what}",
        f"{prefix}cluster_ami": f"AMI, {of_what}",
        f"{prefix}label_bits": f"label bits, {of_what}",
        f"{prefix}chance_label_bits": f"by chance, {of_what}",
        f"{prefix}extra_label_bits": f"less chance, {of_what}",
    }


LAYOUTS: Mapping[str, Layout] = {
    "figure1": Layout(
        "Figure 1: reconstruction error against the number of codes",
        {
            "relative_error": "relative error",
            "min_usage": "least usage",
            "unique_codes": "own codes",
            "neighbour_recall": "recall@10",
        },
        "Relative reconstruction error against the number of codes, mean and range "
        "over seeds",
        "error",
        _draw_error,
    ),
    "figure2": Layout(
        "Figure 2: discriminability against the number of codes",
        {**_label_columns("", "each"), **_label_columns("joint_", "joint")},
        "What codes tell of clusters of the vectors and of clicks, mean and range over "
        "seeds",
        "discriminability",
        _draw_discriminability,
    ),
    "figure3": Layout(
        "Figure 3: redundancy of the codebooks",
        {"mean_nmi": "NMI of codebooks", "chance_nmi": "NMI by chance"},
        "NMI between codebooks",
        "redundancy",
        _draw_redundancy,
    ),
}
