import matplotlib.figure
import numpy as np
import pytest

from moc_tf.evaluation import plot_code_usage, plot_nmi

COUNTS = np.array(
    [[5, 0, 1, 2], [2, 2, 2, 2], [8, 0, 0, 0], [0, 7, 1, 0], [1, 1, 3, 3]]
)
NMI = np.array([[1.0, 0.25, 0.5], [0.25, 1.0, 0.75], [0.5, 0.75, 1.0]])


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


def shown(axes):
    """Texts inside `axes`, by their (row, column)."""
    return {
        tuple(map(int, reversed(t.get_position()))): t.get_text() for t in axes.texts
    }


def test_a_panel_shows_the_uses_of_a_codebook_in_order(tmp_path, figures):
    plot_code_usage(COUNTS, tmp_path / "usage.png", "Uses")
    [figure] = figures
    panels = [axes for axes in figure.axes if axes.axison]
    assert figure.get_suptitle() == "Uses"
    assert len(panels) == 5
    assert [axes.get_title() for axes in panels[:3]] == [
        "codebook 0: 3 of 4 used,\nperplexity 2.5",
        "codebook 1: 4 of 4 used,\nperplexity 4.0",
        "codebook 2: 1 of 4 used,\nperplexity 1.0",
    ]
    [bars] = [p for p in panels[0].patches if hasattr(p, "get_data")]
    assert bars.get_data().values.tolist() == [5, 2, 1]
    [even] = panels[0].lines
    assert even.get_ydata()[0] == 2  # 8 items, 4 codes
    assert panels[0].get_yscale() == "log"
    assert all(axes.get_ylim()[1] > 8 for axes in panels)  # room for the largest
    assert [axes.get_xlabel() != "" for axes in panels] == [False, *[True] * 4]
    assert [axes.get_ylabel() != "" for axes in panels] == [True, *[False] * 3, True]
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "codes that no item has",
        "all codes in even use",
    ]


def test_nmi_is_written_into_its_cells_but_for_the_diagonal(tmp_path, figures):
    plot_nmi(NMI, tmp_path / "nmi.png", "Redundancy")
    [figure] = figures
    axes, colorbar = figure.axes
    assert figure.get_suptitle() == "Redundancy"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("codebook", "codebook")
    assert colorbar.get_ylabel() == "normalised mutual information"
    assert shown(axes) == {
        (0, 1): "0.25",
        (1, 0): "0.25",
        (0, 2): "0.50",
        (2, 0): "0.50",
        (1, 2): "0.75",
        (2, 1): "0.75",
    }
    assert NMI[0, 0] == 1  # the caller's array is as it was


def test_matched_codebooks_are_framed(tmp_path, figures):
    rectangular = [[0.1, 0.9, 0.2], [0.3, 0.4, 0.8]]
    plot_nmi(rectangular, tmp_path / "nmi.svg", "Two", ("first", "second"), (1, 2))
    axes = figures[0].axes[0]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("first", "second")
    assert len(shown(axes)) == 6
    frames = [patch.get_xy() for patch in axes.patches]
    assert frames == [(0.5, -0.5), (1.5, 0.5)]  # corners of (0, 1) and (1, 2)


def test_many_codebooks_have_colours_alone(tmp_path, figures):
    plot_nmi(np.full([17, 17], 0.5), tmp_path / "nmi.png", "Many")
    assert shown(figures[0].axes[0]) == {}


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_equal_input_gives_equal_bytes(tmp_path, suffix):
    contents = set()
    for name in ("one", "other"):
        for draw, values in ((plot_code_usage, COUNTS[:2]), (plot_nmi, NMI)):
            path = tmp_path / name / f"{draw.__name__}{suffix}"
            draw(values, path, "Title")
            contents.add(path.read_bytes())
    assert len(contents) == 2
    start = b"\x89PNG" if suffix == ".png" else b"<?xml"
    assert all(content.startswith(start) for content in contents)


def test_bad_input_is_named(tmp_path):
    for draw in (plot_code_usage, plot_nmi):
        with pytest.raises(ValueError, match=r"one of \['\.png', '\.svg'\].*x\.pdf"):
            draw(NMI, tmp_path / "x.pdf", "Title")
    with pytest.raises(ValueError, match=r"at least one use.*\[2, 2\], \[3, 0\] uses"):
        plot_code_usage([[1, 2], [0, 0]], tmp_path / "x.png", "Title")
    with pytest.raises(ValueError, match=r"in \[0, 1\]\. Received: \[\[1\.5\]\]"):
        plot_nmi([[1.5]], tmp_path / "x.png", "Title")
    with pytest.raises(ValueError, match=r"in \[0, 1\]\. Received: \[\[nan\]\]"):
        plot_nmi([[np.nan]], tmp_path / "x.png", "Title")
    assert list(tmp_path.iterdir()) == []
