"""The picture of spectra: what is drawn where, and that it is so each time."""

import math

import matplotlib.axes
import numpy as np
import pytest

from experiments.reporting.grid import Setting, make_grid
from experiments.reporting.panels import looks, panels_of
from experiments.reporting.pictures import draw_pictures
from experiments.reporting.spectrum_picture import (
    has_spectra,
    median_spectrum,
    plot_spectra,
)
from tests.experiments.report_rows import MOC, NONE, runs, with_spectra

BEAUTY = Setting("amazon/beauty", "rating")
VQ = with_spectra(runs("vq", MOC), [4, 2], [4, 4], [2, 1])
TWO = with_spectra(runs("moc", MOC, 2), [8, 4, 2, 1], [8, 6, 1, 1], [1, 1, 1, 0.5])
SEVEN = with_spectra(runs("moc", MOC), *3 * [[5, 4, 3]])
ME = with_spectra(runs("me", MOC), *3 * [[5, 1, 0]])


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn: title of the plot -> label -> (x, y, keywords)."""
    calls = []

    def record(name):
        original = getattr(matplotlib.axes.Axes, name)

        def recording(self, *args, **kwargs):
            if "label" in kwargs:
                calls.append((self, args, kwargs))
            return original(self, *args, **kwargs)

        monkeypatch.setattr(matplotlib.axes.Axes, name, recording)

    record("plot")
    record("errorbar")

    def found():
        plots = {}
        for axes, (x, y), kwargs in calls:
            plots.setdefault(axes.get_title(), {})[kwargs["label"]] = x, y, kwargs
        return plots

    return found


def panels(rows, model=None):
    return panels_of(make_grid("made_up", rows), BEAUTY, model)


def test_the_line_is_the_median_of_what_each_seed_has_of_its_largest():
    spectra = [row["code_spectrum"] for row in TWO]
    # By seed: 1, .5, .25, .125; 1, .75, .125, .125; 1, 1, 1, .5.
    assert median_spectrum(spectra).tolist() == [1, 0.75, 0.25, 0.125]
    assert median_spectrum([[5, 3e-7, 0]])[:1].tolist() == [1]
    assert np.isnan(median_spectrum([[5, 3e-7, 0]])[1:]).all()
    assert np.isnan(median_spectrum([[0, 0]])).all()


def test_a_plot_is_a_number_of_codes_and_a_line_a_method(tmp_path, drawn):
    rows = [*runs("none", NONE), *VQ, *TWO, *ME, *SEVEN]
    plot_spectra(panels(rows), tmp_path / "plot.png")
    found = drawn()
    assert {title: list(lines) for title, lines in found.items()} == {
        "dcn_v2\n2 codes": ["vq", "moc"],
        "dcn_v2\n7 codes": ["vq", "me", "moc"],
        "dcn_v2\ninformation abundance": ["vq", "moc", "me"],
    }
    x, y, style = found["dcn_v2\n2 codes"]["moc"]
    assert x.tolist() == [1, 2, 3, 4]
    assert y.tolist() == [1, 0.75, 0.25, 0.125]
    styles = looks(["vq", "moc", "me"])
    assert (style["linestyle"], style["color"]) == ("-", styles["moc"][0])
    x, y, style = found["dcn_v2\n7 codes"]["vq"]
    assert (x.tolist(), y.tolist(), style["linestyle"]) == ([1, 2], [1, 0.5], "--")
    y = found["dcn_v2\n7 codes"]["me"][1]
    assert (y[:2].tolist(), math.isnan(y[2])) == ([1, 0.2], True)
    places, means, style = found["dcn_v2\ninformation abundance"]["moc"]
    # 15 / 8, 2 and 3.5 at two codes, and 12 / 5 at seven.
    assert [round(place) for place in places] == [1, 2]
    assert means == pytest.approx([(1.875 + 2 + 3.5) / 3, 2.4])
    assert style["yerr"] == pytest.approx([2.2463, 0], abs=1e-4)
    assert style["color"] == styles["moc"][0]


def test_fusions_are_rows_some_of_which_lack_a_number_of_codes(tmp_path, drawn):
    none = [row | {"fusion": "none"} for row in SEVEN]
    plot_spectra(panels([*TWO, *none]), tmp_path / "plot.svg")
    assert list(drawn()) == [
        f"dcn_v2, fusion {fusion}\n{what}"
        for fusion, codes in (("self_gating", "2 codes"), ("none", "7 codes"))
        for what in (codes, "information abundance")
    ]


def test_a_code_alone_has_a_plot_of_its_own_if_there_are_no_others(tmp_path, drawn):
    plot_spectra(panels(VQ), tmp_path / "plot.svg")
    found = drawn()
    assert list(found) == ["dcn_v2\n1 code", "dcn_v2\ninformation abundance"]
    assert found["dcn_v2\n1 code"]["vq"][2]["linestyle"] == "-"


def look(line):
    return line.get_color(), line.get_marker(), line.get_linestyle()


def test_no_two_lines_look_alike_and_the_legend_shows_each(tmp_path, axes_made):
    methods = "me rq_vae id_me adaptor random pq opq rq_kmeans rq_gmm moc".split()
    rows = [*VQ, *TWO]
    for place, method in enumerate(methods):
        rows += with_spectra(runs(method, MOC), *3 * [[9, 8 - 0.1 * place, 1]])
    plot_spectra(panels(rows), tmp_path / "plot.png")
    _, of_seven, abundance = axes_made[0].flat
    lines = {line.get_label(): look(line) for line in of_seven.lines}
    assert list(lines) == ["vq", *methods]
    assert len(set(lines.values())) == len(lines)
    assert all(line.get_markevery() for line in of_seven.lines)
    [legend] = of_seven.figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert dict(zip(names, map(look, legend.legend_handles), strict=True)) == lines
    assert lines["vq"][2] == "--"
    for errors in abundance.containers:
        assert look(errors.lines[0])[:2] == lines[errors.get_label()][:2]


def test_a_method_of_one_code_and_of_more_is_solid_in_the_legend(tmp_path, axes_made):
    one = with_spectra(runs("me", MOC, 1), *3 * [[4, 1]])
    plot_spectra(panels([*TWO, *ME, *one]), tmp_path / "plot.png")
    of_two, of_seven, _ = axes_made[0].flat
    assert [line.get_linestyle() for line in of_two.lines] == ["-", "--"]
    assert sorted(line.get_linestyle() for line in of_seven.lines) == ["-", "--"]
    [legend] = of_two.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["moc", "me"]
    assert {handle.get_linestyle() for handle in legend.legend_handles} == {"-"}


def test_what_has_no_spectrum_is_not_drawn(tmp_path, drawn):
    assert not has_spectra(panels([*runs("none", NONE), *runs("moc", MOC)]))
    nothing = [
        row | {"information_abundance": None, "code_spectrum": [0, 0, 0]} for row in ME
    ]
    plot_spectra(panels(nothing), tmp_path / "plot.png")
    assert list(drawn()) == ["dcn_v2\n7 codes"]
    plot_spectra(panels([*ME, *runs("moc", MOC, 2)]), tmp_path / "plot.png")
    assert "dcn_v2\n2 codes" not in drawn()


def test_pictures_are_by_ranker_and_data_set_and_equal_each_time(tmp_path):
    rows = [*VQ, *SEVEN, *(row | {"model": "deepfm"} for row in SEVEN)]
    rows += [row | {"dataset": "amazon/toys", "data_sha256": "x"} for row in TWO]
    rows = [row | {"auc": None} for row in rows]
    grid = make_grid("made_up", rows)
    pictures = draw_pictures(grid, tmp_path / "a")
    assert [(picture.title, picture.path.name) for picture in pictures] == [
        (
            f"Singular spectra of the code embeddings in {model}: {data}, rating",
            f"spectra_{model}_{data}_rating",
        )
        for model, data in (
            ("dcn_v2", "beauty"), ("deepfm", "beauty"), ("dcn_v2", "toys")
        )
    ]  # fmt: skip
    draw_pictures(grid, tmp_path / "b")
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == 6
    for name in files:
        first, second = (tmp_path / folder / name for folder in "ab")
        assert first.read_bytes() == second.read_bytes()
