"""Figures as files: one palette, equal bytes for equal input, replaced in one step."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# From Okabe and Ito's palette, which colour-blind readers can tell apart.
BLUE, GREY, GREEN, ORANGE = "#0072B2", "#5F5F5F", "#009E73", "#D55E00"
PALE = "#DDDDDD"  # of grids and of what is left out

# Without these, files would carry the date and the version of Matplotlib.
_METADATA: dict[str, dict[str, str | None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
}


def checked_target(path: str | os.PathLike[str]) -> Path:
    """Returns `path`; raises ValueError unless it ends in .png or .svg."""
    target = Path(path)
    if target.suffix not in _METADATA:
        raise ValueError(
            f"The plot's file must end in one of {sorted(_METADATA)}. Received: "
            f"{str(path)!r}."
        )
    return target


@contextlib.contextmanager
def figure_file(target: Path, width: float, height: float) -> Iterator["Figure"]:
    """Gives an empty figure to draw on, and writes it when the block has ended.

    The state of pyplot is neither used nor changed. If the block raises, an older
    file stays.

    Args:
      target: what `checked_target` returned.
      width: of the figure, in inches.
      height: of the figure, in inches.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "moc_tf", "svg.fonttype": "path"}):
        figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".partial")
        figure.savefig(
            partial, format=target.suffix[1:], metadata=_METADATA[target.suffix]
        )
        os.replace(partial, target)


def open_frame(axes: "Axes") -> None:
    """Gives `axes` a pale horizontal grid and no frame at the top and right."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
