"""What several tests of pictures watch."""

import pytest
from matplotlib.figure import Figure


@pytest.fixture
def axes_made(monkeypatch):
    """What each call of `Figure.subplots` has returned since the test began."""
    made, start = [], Figure.subplots

    def watched(self, *args, **options):
        made.append(start(self, *args, **options))
        return made[-1]

    monkeypatch.setattr(Figure, "subplots", watched)
    return made
