"""A report's tables as Markdown, LaTeX and HTML, and the page around them."""

import html.parser
import itertools
import re
import shutil
import subprocess

import pytest

from experiments.reporting.entries import Entry
from experiments.reporting.grid import make_grid
from experiments.reporting.latex import escape, latex
from experiments.reporting.legend import METHODS, METRICS
from experiments.reporting.markdown import markdown
from experiments.reporting.page import Section, page
from experiments.reporting.tables import Table, all_tables
from tests.experiments.report_rows import NONE, PQ, runs, small_suite

NASTY = 'a_b & c% $d #e {f} ~g ^h \\i <j> |k| "l"'
TABLE = Table(
    "Title_1",
    "anchor",
    ["name", "AUC", "command"],
    [
        [Entry("a|b"), Entry("0.5 ± 0.1", "-0.2 n.s.", "row-1"), Entry("-")],
        [Entry("<c>"), Entry("[d]"), Entry("-", command="python <x>")],
    ],
    row_anchors=["row-1", "row-2"],
)
SVG = (
    '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">'
    '<defs><path id="p" d="M 0 0 L 1 1"/></defs><use xlink:href="#p"/></svg>'
)


def test_markdown():
    assert markdown("T_1", "2 of 4 cells are empty.", [TABLE]).splitlines() == [
        "# T\\_1",
        "",
        "2 of 4 cells are empty.",
        "",
        "## Title\\_1",
        "",
        "| name | AUC                  |",
        "| ---- | -------------------- |",
        "| a\\|b | 0.5 ± 0.1; -0.2 n.s. |",
        "| \\<c> | [d]                  |",
    ]


def test_markdown_shows_all_columns_of_equal_heads():
    rows = [*runs("moc", NONE), *runs("moc", PQ, dataset="beauty", data_sha256="x")]
    table, *_ = all_tables(make_grid("made_up", rows))
    text = markdown("T", "", [table])
    assert "0.5400 ± " in text
    assert "0.5523 ± " in text


def test_latex_escapes_what_is_special():
    assert escape(NASTY) == (
        r"a\_b \& c\% {\char36}d \#e \{f\} \textasciitilde{}g \textasciicircum{}h "
        r"\textbackslash{}i \textless{}j\textgreater{} \textbar{}k\textbar{} "
        r"{\ttfamily\char34}l{\ttfamily\char34}"
    )
    assert escape("Δ -0.5 ± 0.1, p-value 3-4, a-1") == (
        r"$\Delta$ $-$0.5 $\pm$ 0.1, p-value 3-4, a-1"
    )
    assert escape("--suite=NAME, a -- b---c, --5") == (
        "-{}-suite=NAME, a -{}- b-{}-{}-c, -{}-5"
    )
    assert escape("e\té日\x07") == "e U+00E9U+65E5U+0007"


def test_latex_is_a_whole_document():
    text = latex("T_1", "2 of 4 cells are empty.", [TABLE])
    assert text.startswith("\\documentclass")
    assert text.endswith("\\end{document}\n")
    assert r"\caption{Title\_1}\\" in text
    assert r"\begin{longtable}{@{}lr@{}}" in text
    assert r"\toprule name & AUC \\ \midrule \endfirsthead" in text
    rows = [line for line in text.splitlines() if line.startswith("{")]
    assert rows == [
        r"{a\textbar{}b} & {0.5 $\pm$ 0.1} {\tiny $-$0.2 n.s.} \\",
        r"{\textless{}c\textgreater{}} & {[d]} \\",
    ]
    assert text.count(r"\begin{") == text.count(r"\end{")


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_latex_compiles(tmp_path):
    rows = [*small_suite(), *runs("moc", NONE, dataset=NASTY, data_sha256="y")]
    text = latex(NASTY, "", [TABLE, *all_tables(make_grid("made_up", rows))])
    (tmp_path / "report.tex").write_text(text)
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "report.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


class Reader(html.parser.HTMLParser):
    """Collects the elements of a page and checks that they close."""

    VOID = ("meta", "link")

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def made():
    tables = [TABLE, *all_tables(make_grid("made_up", small_suite()))]
    sections = [
        Section("made_up", "Made <up>", "1 & 2", [("P & q", SVG), ("R", SVG)], tables),
        Section("other", "Other", "", [("S", SVG)], []),
    ]
    return page(sections, "12 of 280 cells are empty.")


def test_the_page_needs_nothing_else(made):
    elements = Reader(made)
    names = {name for name, _ in elements.elements}
    assert not names & {"script", "img", "iframe", "object", "embed", "audio", "video"}
    assert [link["href"] for link in elements.all("link")] == ["data:,"]
    assert not re.search(r"@import|url\((?!#)", made)
    for _, attributes in elements.elements:
        assert attributes.get("href", "#").startswith(("#", "data:,"))
        assert "src" not in attributes
    policy = elements.all("meta")[2]
    assert policy["content"].startswith("default-src 'none'")


def test_ids_are_unique_and_links_lead_to_them(made):
    elements = Reader(made).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in elements:
        for name in ("href", "aria-labelledby"):
            value = attributes.get(name, "")
            if value and not value.startswith("data:"):
                assert value.removeprefix("#") in ids


def test_the_page_is_sane_for_keyboards_and_screen_readers(made):
    elements = Reader(made)
    assert elements.all("html") == [{"lang": "en"}]
    viewport = {"name": "viewport", "content": "width=device-width, initial-scale=1"}
    assert viewport in elements.all("meta")
    assert {head["scope"] for head in elements.all("th")} == {"col", "row"}
    tables = len(elements.all("table"))
    assert tables == len(elements.all("caption")) == 4
    pictures = elements.all("svg")
    assert [svg["role"] for svg in pictures] == ["img"] * 3
    assert pictures[0]["aria-label"] == "P & q. The tables have its figures."
    scrolling = [d for d in elements.all("div") if d.get("class") == "scroll"]
    assert len(scrolling) == tables + len(pictures)
    assert {div["tabindex"] for div in scrolling} == {"0"}
    levels = [int(n[1]) for n, _ in elements.elements if re.fullmatch("h[1-6]", n)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_the_page_tells_what_is_missing_what_figures_mean_and_how_to_run_again(made):
    head = made[: made.index("<nav")]
    assert "12 of 280 cells are empty." in head
    for term in (*METRICS, *METHODS):
        assert f"<dt>{term}</dt>" in made
    for method in ("random", "pq", "moc"):
        assert f"--methods={method} --num_codes=7 --seeds=3" in made
    row = re.search(r'<tr id="row-1">.*?</tr>', made)[0]
    assert '<a href="#row-1">0.5 ± 0.1</a>' in row
    assert '<span class="note">-0.2 n.s.</span>' in row


def test_what_is_special_in_html_is_escaped(made):
    assert "Made &lt;up&gt;" in made
    assert '<p class="status">1 &amp; 2</p>' in made
    assert '<th scope="row">&lt;c&gt;</th>' in made
    assert "<code>python &lt;x&gt;</code>" in made
    assert "Made <up>" not in made
