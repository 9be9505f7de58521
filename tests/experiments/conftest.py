"""What several tests of binaries and pictures share."""

import pytest
from matplotlib.figure import Figure

from tests.experiments.binaries import write_release


@pytest.fixture(scope="session")
def release(tmp_path_factory):
    """A made-up folder in the layout of the Amazon 2014 release, with vectors."""
    folder = tmp_path_factory.mktemp("amazon2014")
    write_release(folder)
    return folder


@pytest.fixture
def axes_made(monkeypatch):
    """What each call of `Figure.subplots` has returned since the test began."""
    made, start = [], Figure.subplots

    def watched(self, *args, **options):
        made.append(start(self, *args, **options))
        return made[-1]

    monkeypatch.setattr(Figure, "subplots", watched)
    return made
