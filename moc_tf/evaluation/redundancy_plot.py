"""The picture of what the codebooks of several methods share."""

import math
import os
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from moc_tf.evaluation.code_plots import draw_nmi
from moc_tf.evaluation.figure_file import checked_target, figure_file

_COLUMNS = 3
_INCHES = 3.3  # of a method's heat map


def plot_redundancy(
    nmi: Mapping[str, npt.ArrayLike], path: str | os.PathLike[str], title: str
) -> None:
    """Draws the NMI between codebooks, a heat map a method, all in one colour scale.

    Equal input gives equal bytes.

    Args:
      nmi: what stands above a heat map -> values in [0, 1], [N, N]; the diagonal,
        where each codebook meets itself, is left grey.
      path: the file, ending in .png or .svg; replaced in one step.
      title: of the figure.

    Raises:
      ValueError: if the ending is another, there is no method, or values are not as
        above.
    """
    target = checked_target(path)
    if not nmi:
        raise ValueError("The picture needs at least one method. Received: none.")
    matrices = {name: np.asarray(values, np.float64) for name, values in nmi.items()}
    columns = min(len(matrices), _COLUMNS)
    rows = math.ceil(len(matrices) / columns)
    with figure_file(target, 1.6 + _INCHES * columns, 0.8 + _INCHES * rows) as figure:
        every = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, (name, values) in zip(every, matrices.items(), strict=False):
            image = draw_nmi(axes, values)
            axes.set_title(name, fontsize=10)
            axes.set_xlabel("codebook")
            axes.set_ylabel("codebook")
        for axes in every[len(matrices) :]:
            axes.set_axis_off()
        figure.suptitle(title, fontsize=11)
        figure.colorbar(
            image, ax=list(every), label="normalised mutual information", shrink=0.8
        )
