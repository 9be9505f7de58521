"""Pictures of a code set: how its codes are used, and what its codebooks share."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from moc_tf.code_statistics import perplexity
from moc_tf.evaluation.figure_file import (
    BLUE,
    GREY,
    ORANGE,
    PALE,
    checked_target,
    figure_file,
    open_frame,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

_COLUMNS = 4
_LEAST_USES = 0.7  # where the logarithmic axis begins
_PANEL = (2.9, 2.3)  # inches
_ANNOTATED = 16  # codebooks up to which each cell has its number


def plot_code_usage(
    counts: npt.ArrayLike, path: str | os.PathLike[str], title: str
) -> None:
    """Draws how many items have each code, a panel a codebook, codes by their use.

    Counts are on a logarithmic axis, so that a code of a single item and one that
    nearly all items have fit one picture. A dashed line is where all codes would be
    in even use; codes that no item has are the grey rest. Equal counts give equal
    bytes.

    Args:
      counts: items that have each code, [N, K], each codebook with at least one.
      path: the file, ending in .png or .svg; replaced in one step.
      title: of the figure.

    Raises:
      ValueError: if the ending is another, or the counts are not as above.
    """
    target = checked_target(path)
    uses = np.asarray(counts)
    if uses.ndim != 2 or not uses.size or not (uses.sum(axis=1) > 0).all():
        raise ValueError(
            "Uses must be [N, K], with at least one use in each codebook. Received: "
            f"shape {list(uses.shape)}, {uses.sum(axis=-1).tolist()} uses."
        )

    num_codebooks = len(uses)
    columns = min(num_codebooks, _COLUMNS)
    rows = -(-num_codebooks // columns)
    width, height = max(_PANEL[0] * columns, 4.8), _PANEL[1] * rows + 0.8
    with figure_file(target, width, height) as figure:
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for n, axes in enumerate(panels.flat):
            if n < num_codebooks:
                _draw_usage(axes, uses[n], n)
            else:
                axes.set_axis_off()
        panels[0, 0].set_ylim(_LEAST_USES, 1.5 * uses.max())  # and so of all
        for axes in panels[:, 0]:
            axes.set_ylabel("items with the code", fontsize=9)
        for n in range(max(num_codebooks - columns, 0), num_codebooks):
            lowest = panels.flat[n]
            lowest.set_xlabel("codes, most to least used", fontsize=9)
            lowest.tick_params(labelbottom=True)
        figure.suptitle(title, fontsize=11)
        handles, names = panels[0, 0].get_legend_handles_labels()
        figure.legend(
            handles, names, loc="outside lower center", ncols=2, frameon=False
        )


def plot_nmi(
    nmi: npt.ArrayLike,
    path: str | os.PathLike[str],
    title: str,
    labels: tuple[str, str] = ("codebook", "codebook"),
    matches: Sequence[int] | None = None,
) -> None:
    """Draws the NMI between codebooks as a heat map. Equal input gives equal bytes.

    Args:
      nmi: values in [0, 1], [N, M].
      path: the file, ending in .png or .svg; replaced in one step.
      title: of the figure.
      labels: what the rows are, and what the columns are.
      matches: column that is matched with each row, to be framed, N values. None says
        that rows and columns are the same codebooks, so that the diagonal, where each
        meets itself, is left grey.

    Raises:
      ValueError: if the ending is another, or the values are not as above.
    """
    target = checked_target(path)
    values = np.asarray(nmi, np.float64)
    _check_nmi(values)

    from matplotlib.patches import Rectangle

    height, width = values.shape
    inches = 2.8 + 0.45 * min(max(height, width), 12)
    with figure_file(target, inches + 1.2, inches) as figure:
        axes = figure.add_subplot()
        image = draw_nmi(axes, values, is_square=matches is None)
        for row, column in enumerate(matches or ()):
            axes.add_patch(
                Rectangle(
                    (column - 0.5, row - 0.5),
                    1,
                    1,
                    fill=False,
                    edgecolor=ORANGE,
                    linewidth=2.5,
                    clip_on=False,
                )
            )
        axes.set_ylabel(labels[0])
        axes.set_xlabel(labels[1])
        figure.suptitle(title, fontsize=11)
        figure.colorbar(image, label="normalised mutual information")


def draw_nmi(axes: "Axes", nmi: np.ndarray, is_square: bool = True) -> "AxesImage":
    """Draws NMI as a heat map from 0 to 1, the value in each cell of a small one.

    Args:
      axes: where to draw.
      nmi: values in [0, 1], float64 [N, M].
      is_square: are rows and columns the same codebooks? Then the diagonal, where each
        meets itself, is left grey.

    Raises:
      ValueError: if the values are not as above.
    """
    from matplotlib.ticker import MaxNLocator

    _check_nmi(nmi)
    if is_square:
        nmi = nmi.copy()
        np.fill_diagonal(nmi, np.nan)
    axes.set_facecolor(PALE)
    image = axes.imshow(nmi, cmap="viridis", vmin=0, vmax=1)
    if max(nmi.shape) <= _ANNOTATED:
        for (row, column), value in np.ndenumerate(nmi):
            if np.isfinite(value):
                axes.text(
                    column,
                    row,
                    f"{value:.2f}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="black" if value > 0.6 else "white",
                )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return image


def _check_nmi(values: np.ndarray) -> None:
    # Rounding takes the NMI of equal codes a little above 1.
    if values.ndim != 2 or not ((values >= 0) & (values <= 1 + 1e-9)).all():
        raise ValueError(f"NMI must be [N, M], in [0, 1]. Received: {values.tolist()}.")


def _draw_usage(axes: "Axes", uses: np.ndarray, codebook: int) -> None:
    size, used = len(uses), int(np.count_nonzero(uses))
    axes.set_yscale("log")
    axes.stairs(
        np.sort(uses)[::-1][:used],
        np.arange(used + 1),
        baseline=_LEAST_USES,
        fill=True,
        color=BLUE,
    )
    axes.axvspan(
        used, size, color=GREY, alpha=0.2, linewidth=0, label="codes that no item has"
    )
    axes.axhline(
        uses.sum() / size,
        color=GREY,
        linestyle="--",
        linewidth=1.2,
        label="all codes in even use",
    )
    axes.set_title(
        f"codebook {codebook}: {used} of {size} used,\nperplexity "
        f"{perplexity(uses):.1f}",
        fontsize=9,
    )
    axes.set_xlim(0, size)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    open_frame(axes)
