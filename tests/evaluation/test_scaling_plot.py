import matplotlib.axes
import matplotlib.figure
import pytest

from moc_tf.evaluation import ScalingPanel, plot_code_scaling


def row(method, num_codes, error, recall=0.5, nmi=0.1):
    return {
        "method": method,
        "num_codes": num_codes,
        "relative_error": error,
        "neighbour_recall": recall,
        "mean_nmi": nmi,
    }


ROWS = [
    row("moc", 8, 0.4),
    row("moc", 1, 0.6, nmi=None),
    row("random", 8, None, recall=0.0),
]


def test_a_line_is_a_method_and_none_is_no_point(tmp_path, monkeypatch):
    lines = []
    original = matplotlib.axes.Axes.plot

    def plot(self, xs, ys, **look):
        lines.append((look["label"], xs, ys))
        return original(self, xs, ys, **look)

    monkeypatch.setattr(matplotlib.axes.Axes, "plot", plot)
    plot_code_scaling(ROWS, tmp_path / "plot.png")
    assert lines == [
        ("moc", (1, 8), (0.6, 0.4)),
        ("moc", (1, 8), (0.5, 0.5)),
        ("random", (8,), (0.0,)),
        ("moc", (8,), (0.1,)),
        ("random", (8,), (0.1,)),
    ]


def test_of_several_seeds_the_mean_and_the_range_are_drawn_and_chance_dashed(
    tmp_path, monkeypatch
):
    calls = {"plot": [], "vlines": []}
    for name, found in calls.items():
        original = getattr(matplotlib.axes.Axes, name)

        def record(self, *args, original=original, found=found, **look):
            found.append((args, look.get("linestyle"), self.get_title()))
            return original(self, *args, **look)

        monkeypatch.setattr(matplotlib.axes.Axes, name, record)
    rows = [row("moc", 2, 0.4), row("moc", 2, 0.5), row("moc", 1, 0.7)]
    rows = [{**each, "by_chance": -0.1} for each in rows]
    panel = ScalingPanel("relative_error", "error", "bits", "by_chance")
    saved = []
    original = matplotlib.figure.Figure.savefig
    monkeypatch.setattr(
        matplotlib.figure.Figure,
        "savefig",
        lambda self, *args, **options: (
            saved.append(self) or original(self, *args, **options)
        ),
    )
    plot_code_scaling(rows, tmp_path / "plot.png", [panel])
    (line, _, _), (chance, dashed, _) = calls["plot"]
    assert line == ((1, 2), (0.7, pytest.approx(0.45)))
    assert chance == ((1, 2), pytest.approx((-0.1, -0.1)))
    assert dashed == "--"
    assert [args for args, *_ in calls["vlines"]] == [(2, 0.4, 0.5)]
    axes = saved[0].axes[0]
    assert (axes.get_title(), axes.get_ylabel()) == ("error", "bits")
    assert axes.get_xlabel() == "number of codes of an item (log scale)"
    assert axes.get_ylim()[0] <= -0.1


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_equal_rows_give_equal_bytes(tmp_path, ending):
    one, two = tmp_path / f"one.{ending}", tmp_path / f"two.{ending}"
    plot_code_scaling(ROWS, one)
    plot_code_scaling(ROWS, two)
    assert one.read_bytes() == two.read_bytes()
    plot_code_scaling(ROWS[:2], two)
    assert one.read_bytes() != two.read_bytes()


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must end in .*Received: .*plot\.pdf"):
        plot_code_scaling(ROWS, tmp_path / "plot.pdf")
    with pytest.raises(ValueError, match=r"one to 14 methods\. Received: \[\]"):
        plot_code_scaling([], tmp_path / "plot.png")
    many = [row(f"m{i}", 1, 0.5) for i in range(15)]
    with pytest.raises(ValueError, match=r"Received: \['m0', "):
        plot_code_scaling(many, tmp_path / "plot.png")
    assert not list(tmp_path.iterdir())
