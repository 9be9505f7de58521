"""The page: every suite, in one file that needs no other."""

import dataclasses
import html
from collections.abc import Mapping, Sequence

from experiments.reporting.inline_svg import inline_svg
from experiments.reporting.legend import CODE_METRICS, METHODS, METRICS
from experiments.reporting.page_style import STYLE
from experiments.reporting.page_table import page_table
from experiments.reporting.tables import Table

_TITLE = "Mixture-of-Codes: the evidence"
# Nothing is loaded from elsewhere, and nothing runs: a browser that obeys this shows
# the page all the same.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclasses.dataclass(frozen=True)
class Section:
    """A suite on the page.

    Attributes:
      name: of the suite, which is its anchor.
      title: for people.
      status: a sentence on what is missing; "" where nothing can be.
      pictures: title and text of each SVG file.
      tables: in order.
    """

    name: str
    title: str
    status: str
    pictures: Sequence[tuple[str, str]]
    tables: Sequence[Table]


def page(sections: Sequence[Section], summary: str) -> str:
    """The page of all suites.

    Args:
      sections: the suites.
      summary: a sentence on what is missing in all of them.
    """
    escaped = html.escape(_TITLE)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<link rel="icon" href="data:,">',
        f"<title>{escaped}</title>",
        f"<style>\n{STYLE}</style>",
        "</head>",
        "<body>",
        '<a class="skip" href="#contents">Skip to the contents</a>',
        f"<header>\n<h1>{escaped}</h1>",
        f'<p class="status">{html.escape(summary)}</p>\n</header>',
        _contents(sections),
        "<main>",
        _legend(),
        *(_section(section, f"p{place}") for place, section in enumerate(sections)),
        "</main>",
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _contents(sections: Sequence[Section]) -> str:
    lines = ['<li><a href="#legend">What the figures mean</a></li>']
    for section in sections:
        tables = "".join(
            f'<li><a href="#{html.escape(table.anchor)}">{html.escape(table.title)}'
            "</a></li>"
            for table in section.tables
        )
        lines.append(
            f'<li><a href="#{html.escape(section.name)}">{html.escape(section.title)}'
            f'</a>\n<details><summary>its tables<span class="said"> in '
            f"{html.escape(section.title)}</span></summary><ul>{tables}</ul></details>"
            "</li>"
        )
    listed = "\n".join(lines)
    return (
        '<nav id="contents" aria-label="Contents" tabindex="-1">\n<h2>Contents</h2>\n'
        f"<ul>\n{listed}\n</ul>\n</nav>"
    )


def _legend() -> str:
    return (
        '<section aria-labelledby="legend">\n<h2 id="legend">What the figures mean</h2>'
        f"\n{_terms(METRICS)}\n<h3>Figures of codes</h3>\n{_terms(CODE_METRICS)}"
        f"\n<h3>Methods</h3>\n{_terms(METHODS)}\n</section>"
    )


def _terms(terms: Mapping[str, str]) -> str:
    lines = "\n".join(
        f"<dt>{html.escape(term)}</dt><dd>{html.escape(meaning)}</dd>"
        for term, meaning in terms.items()
    )
    return f"<dl>\n{lines}\n</dl>"


def _section(section: Section, prefix: str) -> str:
    name = html.escape(section.name)
    parts = [
        f'<section aria-labelledby="{name}">',
        f'<h2 id="{name}">{html.escape(section.title)}</h2>',
    ]
    if section.status:
        parts.append(f'<p class="status">{html.escape(section.status)}</p>')
    for number, (title, svg) in enumerate(section.pictures):
        drawn = inline_svg(
            svg, f"{prefix}-{number}", f"{title}. The tables have its figures."
        )
        said = html.escape(title)
        parts.append(
            f'<figure>\n<div class="scroll" role="region" aria-label="{said}" '
            f'tabindex="0">\n{drawn}\n</div>\n<figcaption>{said}</figcaption>\n</figure>'
        )
    parts += [page_table(table) for table in section.tables]
    return "\n".join([*parts, "</section>"])
