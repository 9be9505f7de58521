"""The page of a report in headless Chromium, on a desk's width and on a phone's."""

import json
import re
import shutil
import subprocess

import pytest

from experiments.reporting.writing import PAGE, write_report
from tests.experiments.report_rows import MOC, NONE, runs, small_suite, write

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason=f"none of {', '.join(NAMES)} is installed"
)
# A window cannot be as narrow as a phone; a frame can, and is what media queries and
# the page's width go by.
FRAME = """\
<iframe id="frame" src="PAGE" style="width: WIDTHpx; height: 900px; border: 0"></iframe>
<pre id="told"></pre>
<script>
window.onload = () => {
  const inner = document.getElementById("frame").contentWindow;
  const root = inner.document.documentElement;
  const widths = () => [root.scrollWidth, inner.innerWidth];
  const closed = widths();
  for (const each of inner.document.querySelectorAll("details")) each.open = true;
  const scrolls = [...inner.document.querySelectorAll("div.scroll")];
  const picture = inner.document.querySelector("svg").getBoundingClientRect();
  document.getElementById("told").textContent = JSON.stringify({
    closed, open: widths(), title: inner.document.title, ids: scrolls.length,
    scrolling: scrolls.filter(s => s.scrollWidth > s.clientWidth).length,
    tables: inner.document.querySelectorAll("table").length,
    picture: [picture.width, picture.height],
    background: inner.getComputedStyle(inner.document.body).backgroundColor,
  });
};
</script>
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    toys = {"dataset": "amazon/toys", "data_sha256": "x"}
    write(
        folder / "a_suite_with_a_rather_long_name_that_does_not_fit_on_a_phone",
        [*small_suite(), *runs("moc", MOC, variant="ngram+ngram_size=3+frozen")],
    )
    write(folder / "other", [{f"column {i}": "x" * 30 for i in range(20)}])
    write(folder / "third", [*runs("none", NONE, **toys), *runs("moc", MOC, **toys)])
    list(write_report(folder, folder))
    return folder


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_opens_without_an_error_and_fits(report, tmp_path, width, dark):
    frame = report / f"frame-{width}.html"
    frame.write_text(FRAME.replace("PAGE", PAGE).replace("WIDTH", str(width)))
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",  # which containers lack; the page is ours
        "--disable-gpu",
        "--allow-file-access-from-files",
        "--enable-logging=stderr",
        f"--user-data-dir={tmp_path}",
        "--window-size=1400,1000",
        *(["--blink-settings=preferredColorScheme=0"] if dark else []),
        "--dump-dom",
        frame.as_uri(),
    ]
    process = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    assert ":CONSOLE" not in process.stderr, process.stderr
    found = re.search(r'<pre id="told">(.*?)</pre>', process.stdout)
    told = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">"))
    assert told["title"] == "Mixture-of-Codes: the evidence"
    for state in ("closed", "open"):
        content, window = told[state]
        assert window == width
        assert content <= window, state
    # Tables and pictures are as wide as they need, in containers that scroll.
    assert told["ids"] > told["tables"] > 0
    assert told["scrolling"] > 0
    assert min(told["picture"]) > 100
    paper = "rgb(21, 21, 21)" if dark else "rgb(255, 255, 255)"
    assert told["background"] == paper
