import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import matplotlib.axes
import numpy as np
import pytest

from moc_tf.evaluation import Interval, Summary, plot_auc_by_codes


def summary(method, num_codes, mean, half_width=0.01, n=4):
    interval = Interval(mean, mean - half_width, mean + half_width, n)
    group = {"method": method, "num_codes": num_codes}
    return Summary(group, tuple(range(n)), {"auc": interval}, "none", {})


SUMMARIES = [
    summary("moc", 7, 0.65),
    summary("none", 0, 0.59),
    summary("moc", 2, 0.61),
    summary("random", 7, 0.58),
    summary("vq", 1, 0.60),
    summary("true_factors", 4, 0.67),
]


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn: by the name of the method of Axes, its arguments."""
    calls = {name: [] for name in ("errorbar", "axhline", "axhspan", "set_ylabel")}

    def record(name, original):
        def recording(self, *args, **kwargs):
            calls[name].append((args, kwargs))
            return original(self, *args, **kwargs)

        return recording

    for name in calls:
        original = getattr(matplotlib.axes.Axes, name)
        monkeypatch.setattr(matplotlib.axes.Axes, name, record(name, original))
    return calls


def test_it_draws_points_with_intervals_and_references(tmp_path, drawn):
    plot_auc_by_codes(SUMMARIES, tmp_path / "plot.png")
    [((codes, means), style)] = drawn["errorbar"]
    assert (codes, means) == ([1, 2, 7], [0.60, 0.61, 0.65])
    np.testing.assert_allclose(style["yerr"], [0.01] * 3)
    lines = {style["label"]: args for args, style in drawn["axhline"]}
    assert lines == {"no codes": (0.59,), "true factors (upper bound)": (0.67,)}
    bands = sorted(args for args, _ in drawn["axhspan"])
    np.testing.assert_allclose(bands, [(0.58, 0.60), (0.66, 0.68)])
    assert drawn["set_ylabel"] == [(("AUC, mean over 4 seeds and 95 % interval",), {})]


def test_one_seed_is_drawn_without_intervals(tmp_path, drawn):
    nan = float("nan")
    one = [summary("moc", 2, 0.61, nan, 1), summary("none", 0, 0.59, nan, 1)]
    plot_auc_by_codes(one, tmp_path / "plot.png")
    assert drawn["errorbar"][0][1]["yerr"] is None
    assert drawn["axhspan"] == []
    assert drawn["set_ylabel"] == [(("AUC, one seed",), {})]


def test_uneven_seeds_are_not_counted_in_the_label(tmp_path, drawn):
    uneven = [summary("moc", 2, 0.61, n=3), summary("none", 0, 0.59, n=4)]
    plot_auc_by_codes(uneven, tmp_path / "plot.png")
    assert drawn["set_ylabel"] == [(("AUC, mean over seeds and 95 % interval",), {})]


def test_moc_of_one_code_goes_before_vq(tmp_path, drawn):
    plot_auc_by_codes([*SUMMARIES, summary("moc", 1, 0.63)], tmp_path / "plot.png")
    [((codes, means), _)] = drawn["errorbar"]
    assert (codes[0], means[0]) == (1, 0.63)


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_file_is_what_its_ending_says_and_equal_each_time(tmp_path, suffix):
    path = tmp_path / "new" / f"plot{suffix}"
    plot_auc_by_codes(SUMMARIES, path)
    content = path.read_bytes()
    if suffix == ".png":
        assert content.startswith(b"\x89PNG")
    else:
        assert ElementTree.fromstring(content).tag.endswith("svg")
    # In another process, at another time, under another hash seed.
    program = (
        "import sys; sys.path.insert(0, sys.argv[2]); import test_plots as t; "
        "t.plot_auc_by_codes(t.SUMMARIES, sys.argv[1])"
    )
    again = tmp_path / f"again{suffix}"
    subprocess.run(
        [sys.executable, "-c", program, str(again), os.path.dirname(__file__)],
        env={**os.environ, "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "0"},
        check=True,
    )
    assert again.read_bytes() == content


def test_a_plot_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "plot.png"
    path.write_bytes(b"old")

    def failing(self, file, **options):
        file.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", failing)
    with pytest.raises(OSError, match="disk full"):
        plot_auc_by_codes(SUMMARIES, path)
    assert path.read_bytes() == b"old"


def test_it_leaves_no_trace_in_the_state_of_pyplot(tmp_path):
    before = dict(matplotlib.rcParams)
    plot_auc_by_codes(SUMMARIES, tmp_path / "plot.svg")
    assert dict(matplotlib.rcParams) == before


def test_bad_input_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"one of \['\.png', '\.svg'\].*plot\.pdf"):
        plot_auc_by_codes(SUMMARIES, tmp_path / "plot.pdf")
    with pytest.raises(ValueError, match=r"'moc' or 'vq' to plot.*\['none'\]"):
        plot_auc_by_codes([SUMMARIES[1]], tmp_path / "plot.png")
    with pytest.raises(ValueError, match=r"one configuration of 'moc'.*'num_codes': 2"):
        plot_auc_by_codes([*SUMMARIES, summary("moc", 2, 0.6)], tmp_path / "plot.png")
    with pytest.raises(ValueError, match="one configuration of 'none'"):
        plot_auc_by_codes([*SUMMARIES, summary("none", 1, 0.6)], tmp_path / "plot.png")
    assert list(tmp_path.iterdir()) == []
