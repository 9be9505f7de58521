import matplotlib.figure
import numpy as np
import pytest

from moc_tf.evaluation import plot_redundancy

ONE, TWO = np.array([[1.0, 0.25], [0.25, 1.0]]), np.array([[1.0, 0.75], [0.75, 1.0]])


@pytest.fixture
def figures(monkeypatch):
    saved = []
    original = matplotlib.figure.Figure.savefig

    def recording(self, *arguments, **options):
        saved.append(self)
        return original(self, *arguments, **options)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", recording)
    return saved


def test_every_method_has_a_heat_map_in_one_colour_scale(tmp_path, figures):
    maps = {"moc": ONE, "pq": TWO, "opq": ONE.tolist(), "rq": TWO}
    plot_redundancy(maps, tmp_path / "nmi.png", "Redundancy")
    [figure] = figures
    *panels, bar = figure.axes
    shown = [axes for axes in panels if axes.axison]
    assert [axes.get_title() for axes in shown] == ["moc", "pq", "opq", "rq"]
    assert {axes.images[0].get_clim() for axes in shown} == {(0, 1)}
    texts = [[text.get_text() for text in axes.texts] for axes in shown]
    assert texts == [["0.25"] * 2, ["0.75"] * 2, ["0.25"] * 2, ["0.75"] * 2]
    assert bar.get_ylabel() == "normalised mutual information"
    assert figure.get_suptitle() == "Redundancy"


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_equal_values_give_equal_bytes(tmp_path, ending):
    one, two = tmp_path / f"one.{ending}", tmp_path / f"two.{ending}"
    plot_redundancy({"moc": ONE}, one, "Title")
    plot_redundancy({"moc": ONE}, two, "Title")
    assert one.read_bytes() == two.read_bytes()
    plot_redundancy({"moc": TWO}, two, "Title")
    assert one.read_bytes() != two.read_bytes()


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one method"):
        plot_redundancy({}, tmp_path / "x.png", "Title")
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        plot_redundancy({"moc": ONE * 2}, tmp_path / "x.png", "Title")
    with pytest.raises(ValueError, match=r"must end in"):
        plot_redundancy({"moc": ONE}, tmp_path / "x.pdf", "Title")
    assert not list(tmp_path.iterdir())
