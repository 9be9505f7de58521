"""An SVG file as a part of a page."""

import html
import re

# What Matplotlib writes about the file, and its one rule of style, which would hold
# for the whole page; `page_style` has it for pictures alone.
_NOT_FOR_PAGES = re.compile(
    r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL
)


def inline_svg(svg: str, prefix: str, title: str) -> str:
    """The <svg> element of a file, to stand in a page with others.

    Args:
      svg: what Matplotlib wrote.
      prefix: put before every id, so that pictures do not share them.
      title: what a screen reader says of it.
    """
    body = _NOT_FOR_PAGES.sub("", svg[svg.index("<svg") :])
    body = re.sub(r'\bid="', f'id="{prefix}-', body)
    body = re.sub(r'href="#', f'href="#{prefix}-', body)
    body = re.sub(r"url\(#", f"url(#{prefix}-", body)
    said = html.escape(title)
    return body.replace("<svg", f'<svg role="img" aria-label="{said}"', 1).strip()
