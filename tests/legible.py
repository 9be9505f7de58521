"""Whether what a picture says can be read."""

import itertools
from collections.abc import Callable
from typing import Any
from unittest import mock

from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox


def assert_legible(draw: Callable[..., Any], *arguments: Any) -> None:
    """Asserts that all text is on its canvas, and stands apart.

    But names of points, which may lie side by side, need not do the latter.

    Args:
      draw: draws and saves one figure or more.
      *arguments: what it gets.
    """
    extents: dict[Text, tuple[Bbox, Bbox]] = {}
    original = Text.draw

    def watched(self: Text, renderer: Any) -> None:
        original(self, renderer)
        if self.get_visible() and self.get_text().strip():
            # Read at once, for a file has a resolution of its own while it is saved.
            canvas = self.figure.get_figure(root=True).bbox.frozen()
            extents[self] = self.get_window_extent(renderer), canvas

    with mock.patch.object(Text, "draw", watched):
        draw(*arguments)
    assert extents
    outside = [
        text.get_text()
        for text, (extent, canvas) in extents.items()
        if any(canvas.min > extent.min) or any(canvas.max < extent.max)
    ]
    assert not outside, f"Outside the canvas: {outside}"
    to_part = [text for text in extents if not isinstance(text, Annotation)]
    overlapping = [
        (a.get_text(), b.get_text())
        for a, b in itertools.combinations(to_part, 2)
        if a.figure is b.figure
        and extents[a][0].padded(-1).overlaps(extents[b][0].padded(-1))
    ]
    assert not overlapping, f"On one another: {overlapping}"
