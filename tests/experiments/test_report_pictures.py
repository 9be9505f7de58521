"""The pictures of a report: what is drawn where, and that it is so each time."""

import itertools
import math
import re
import xml.etree.ElementTree as ElementTree

import matplotlib.axes
import pytest

from experiments.reporting.auc_picture import plot_auc
from experiments.reporting.difference_pictures import (
    has_differences,
    has_gains,
    plot_forest,
    plot_gains,
)
from experiments.reporting.grid import Setting, make_grid
from experiments.reporting.inline_svg import inline_svg
from experiments.reporting.panels import looks, name_with_codes, panels_of, shape
from experiments.reporting.pictures import draw_pictures
from experiments.reporting.spectrum_picture import plot_spectra
from tests.experiments.report_rows import (
    MOC,
    NONE,
    PQ,
    RANDOM,
    runs,
    small_suite,
    with_spectra,
)
from tests.legible import assert_legible

BEAUTY = Setting("amazon/beauty", "rating")


@pytest.fixture
def drawn(monkeypatch):
    """The points that are drawn, panel by panel, and the horizontal lines."""
    calls = {"errorbar": [], "axhline": []}

    def record(name):
        original = getattr(matplotlib.axes.Axes, name)

        def recording(self, *args, **kwargs):
            calls[name].append((args, kwargs))
            return original(self, *args, **kwargs)

        monkeypatch.setattr(matplotlib.axes.Axes, name, recording)

    for name in calls:
        record(name)
    return calls


def panels(rows):
    return panels_of(make_grid("made_up", rows), BEAUTY)


def test_panels_are_rankers_and_fusions():
    rows = [
        *runs("none", NONE),
        *runs("moc", MOC),
        *runs("moc", PQ, fusion="none"),
        *runs("moc", MOC, 2, variant="diverse"),
        *runs("none", NONE, model="deepfm"),
        *runs("moc", MOC, dataset="amazon/toys", data_sha256="x"),
    ]
    found = panels(rows)
    assert [(p.title, list(map(name_with_codes, p.results))) for p in found] == [
        ("dcn_v2, fusion self_gating", ["none", "moc 7", "moc, diverse 2"]),
        ("dcn_v2, fusion none", ["none", "moc 7"]),
        ("deepfm", ["none"]),
    ]
    lines = list(map(name_with_codes, found[0].lines))
    assert lines == ["none", "moc 7", "moc, diverse 2"]
    assert found[0].lines == found[2].lines
    assert (shape(1), shape(3), shape(4), shape(7)) == ((1, 1), (1, 3), (2, 3), (3, 3))


def test_looks_tell_24_methods_apart():
    names = ["none", *map(str, range(24))]
    found = looks(names)
    assert len(set(found.values())) == 25


def test_auc_is_drawn_against_the_number_of_codes(tmp_path, drawn):
    rows = [*runs("none", NONE), *runs("moc", MOC), *runs("pq", PQ)]
    rows += runs("moc", RANDOM, 2)
    plot_auc(panels(rows), tmp_path / "plot.png")
    assert [args for args, _ in drawn["axhline"]] == [(pytest.approx(0.54),)]
    points = {kwargs["label"]: (*args, kwargs["yerr"]) for args, kwargs in
              drawn["errorbar"]}  # fmt: skip
    places, means, errors = points["moc"]
    # At the first and the second of 2 and 7 codes, not more than 0.4 beside them.
    assert [round(place) for place in places] == [0, 1]
    assert means == pytest.approx([0.541, 0.571])
    assert errors == pytest.approx([0.0937, 0.1006], abs=1e-4)
    places_of_pq, means, _ = points["pq"]
    assert means == pytest.approx([0.5523], abs=1e-4)
    assert 0.1 < abs(places_of_pq[0] - places[1]) < 0.5


def test_the_forest_shows_differences_and_what_is_significant(tmp_path, drawn):
    plot_forest(panels(small_suite()), tmp_path / "plot.svg")
    found = sorted(
        (round(y), round(x, 4), round(kwargs["xerr"], 4), kwargs["markerfacecolor"])
        for (x, y), kwargs in drawn["errorbar"]
    )
    blue = "#0072B2"
    assert found == [
        (-2, 0.031, 0.0025, blue),
        (-1, 0.0123, 0.0063, blue),
        (0, 0.001, 0.0252, "white"),
    ]


def test_gains_are_shown_by_group_of_items(tmp_path, drawn):
    rows = [*runs("none", NONE), *runs("moc", MOC)]
    for row in rows:
        if row["method"] == "moc":
            row["auc_new_items"] += 0.1
    plot_gains(panels(rows), tmp_path / "plot.svg")
    # From the top: new, tail and middle; there is no AUC on head items.
    found = sorted(((-y, x) for (x, y), _ in drawn["errorbar"]))
    assert [x for _, x in found] == pytest.approx([0.131, 0.031, 0.031])


def test_nothing_to_draw_is_seen_before():
    alone = panels(runs("moc", MOC))
    assert not has_differences(alone)
    assert not has_gains(alone)
    both = panels([*runs("none", NONE), *runs("moc", MOC)])
    assert has_differences(both)
    assert has_gains(both)
    whole = [row | {"auc_new_items": None, "auc_tail_items": None,
                    "auc_middle_items": None} for row in small_suite()]  # fmt: skip
    assert has_differences(panels(whole))
    assert not has_gains(panels(whole))


def test_one_seed_is_drawn_without_an_interval(tmp_path, drawn):
    rows = [*runs("none", {0: 0.5}), *runs("moc", {0: 0.53})]
    plot_auc(panels(rows), tmp_path / "plot.png")
    assert all(map(math.isnan, drawn["errorbar"][0][1]["yerr"]))


def test_files_are_equal_each_time_and_named_after_the_data_set(tmp_path):
    grid = make_grid("made_up", [*runs("none", NONE), *runs("moc", MOC)])
    pictures = draw_pictures(grid, tmp_path / "a")
    draw_pictures(grid, tmp_path / "b")
    assert [picture.path.name for picture in pictures] == [
        "auc_beauty_rating",
        "differences_beauty_rating",
        "gains_beauty_rating",
    ]
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == 6
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (
            tmp_path / "b" / name
        ).read_bytes()
    svg = (tmp_path / "a" / "auc_beauty_rating.svg").read_text()
    assert not re.search(r"20\d\d-\d\d-\d\d", svg)


METHODS = "vq me rq_vae id_me adaptor random pq opq rq_kmeans rq_gmm moc".split()
VARIANTS = "diverse concatenated per_codebook shared_latent shuffled".split()
MANY_LINES = [(method, "") for method in METHODS] + [("moc", v) for v in VARIANTS]


def crowded(lines, fusions):
    """A panel a fusion, all of them with long titles, of `lines`."""
    aucs = {0: 0.4925, 1: 0.546, 2: 0.579}  # differences of both signs
    rows = runs("none", NONE, model="autoint_plus")
    for fusion, (method, variant) in itertools.product(fusions, lines):
        look = {"model": "autoint_plus", "fusion": fusion, "variant": variant}
        rows += with_spectra(runs(method, aucs, **look), *3 * [[3, 2, 1]])
    return panels(rows)


@pytest.mark.parametrize("plot", [plot_auc, plot_forest, plot_gains, plot_spectra])
@pytest.mark.parametrize(
    ("lines", "fusions"),
    [
        (MANY_LINES[:1], ["self_gating"]),
        (MANY_LINES, ["self_gating"]),
        (MANY_LINES[:3], ["self_gating_linear", "cross_attention", "concat_mlp"]),
    ],
    ids=["small", "many lines", "long titles"],
)
def test_all_that_is_written_can_be_read(tmp_path, plot, lines, fusions):
    for suffix in (".png", ".svg"):
        assert_legible(plot, crowded(lines, fusions), tmp_path / f"plot{suffix}")


def test_a_picture_in_a_page_shares_nothing_with_others(tmp_path):
    plot_forest(panels(small_suite()), tmp_path / "plot.svg")
    svg = (tmp_path / "plot.svg").read_text()
    element = inline_svg(svg, "p0-1", 'a "title" & more')
    root = ElementTree.fromstring(element)
    assert root.get("aria-label") == 'a "title" & more'
    ids = [each.get("id") for each in root.iter() if each.get("id")]
    assert len(ids) == len(set(ids))
    assert all(name.startswith("p0-1-") for name in ids)
    referred = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', element))
    assert {a or b for a, b in referred} == set(ids)
    assert "<metadata" not in element
    assert "<style" not in element
    assert len(element) < len(svg)
    # As many shapes as before, and scales as they were.
    namespace = "{http://www.w3.org/2000/svg}"
    before = ElementTree.fromstring(svg)
    for tag in ("use", "path"):
        of_file = list(before.iter(f"{namespace}{tag}"))
        assert len(list(root.iter(tag))) == len(of_file)
    assert element.count("scale(0.015625)") == svg.count("scale(0.015625)")


def test_coordinates_are_rounded_to_hundredths():
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg"><path d="M 1.23456 2\nL -3.999 0.5" '
        'transform="translate(1.005001 20.0001) scale(0.08 -0.0812345)"/></svg>'
    )
    path = ElementTree.fromstring(inline_svg(svg, "p", "t"))[0]
    assert path.get("d") == "M 1.23 2 L -4 0.5"
    assert path.get("transform") == "translate(1.01 20) scale(0.08 -0.0812345)"
