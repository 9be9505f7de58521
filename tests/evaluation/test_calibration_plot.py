import matplotlib.figure
import numpy as np
import pytest

from moc_tf.evaluation import ReliabilityBin, plot_calibration

TABLES = {
    "none": [ReliabilityBin(50, 0.1, 0.0), ReliabilityBin(50, 0.3, 0.4)],
    "moc": [ReliabilityBin(100, 0.2, 0.25)],
}


@pytest.fixture
def figures(monkeypatch):
    """The figures that are saved, in order."""
    saved = []
    original = matplotlib.figure.Figure.savefig

    def recording(self, *arguments, **options):
        saved.append(self)
        return original(self, *arguments, **options)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", recording)
    return saved


def test_it_draws_shares_against_predictions_with_their_intervals(tmp_path, figures):
    plot_calibration(TABLES, tmp_path / "calibration.png", "Beauty")
    [figure] = figures
    [axes] = figure.axes
    assert figure.get_suptitle() == "Beauty"
    points = {each.get_label(): each for each in axes.containers}
    line, _, (bars,) = points["none"].lines
    assert line.get_xydata().tolist() == [[0.1, 0.0], [0.3, 0.4]]
    low, high = np.array(bars.get_segments())[1, :, 1]
    # Wilson's interval of 20 in 50.
    assert (low, high) == (
        pytest.approx(0.276, abs=1e-3),
        pytest.approx(0.538, abs=1e-3),
    )
    assert axes.get_xlim() == axes.get_ylim() == (0, pytest.approx(1.05 * high))
    [legend] = figure.legends
    names = {text.get_text() for text in legend.get_texts()}
    assert names == {"none", "moc", "calibrated"}


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_equal_tables_give_equal_bytes(tmp_path, suffix):
    paths = [tmp_path / f"{name}{suffix}" for name in ("one", "other")]
    for path in paths:
        plot_calibration(TABLES, path, "Title")
    assert paths[0].read_bytes() == paths[1].read_bytes()
    start = b"\x89PNG" if suffix == ".png" else b"<?xml"
    assert paths[0].read_bytes().startswith(start)


def test_bad_input_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"one of \['\.png', '\.svg'\].*x\.pdf"):
        plot_calibration(TABLES, tmp_path / "x.pdf", "Title")
    with pytest.raises(ValueError, match=r"one to 4 .*'b': 0"):
        plot_calibration({"a": TABLES["moc"], "b": []}, tmp_path / "x.png", "Title")
    with pytest.raises(ValueError, match="one to 4 reliability tables"):
        plot_calibration({}, tmp_path / "x.png", "Title")
    assert list(tmp_path.iterdir()) == []
