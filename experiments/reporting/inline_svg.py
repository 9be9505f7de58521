"""An SVG file as a part of a page."""

import re
from xml.etree import ElementTree

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_DECIMALS = re.compile(r"-?\d+\.\d{3,}")
# What is written in points, of which a hundredth is enough; not so scales and colours.
_IN_POINTS = ("d", "x", "y", "transform")


def inline_svg(svg: str, prefix: str, title: str) -> str:
    """The <svg> element of a file, to stand in a page with others.

    What Matplotlib writes about the file is left out, and so is its one rule of style,
    which would hold for the whole page: `page_style` has it for pictures alone.

    Args:
      svg: what Matplotlib wrote.
      prefix: put before every id, so that pictures do not share them; what remains
        of an id is a number, for there are thousands.
      title: what a screen reader says of it.
    """
    root = ElementTree.fromstring(svg)
    for child in list(root):
        holds_style = child.find(f"{_SVG}style") is not None
        if child.tag == f"{_SVG}metadata" or holds_style:
            root.remove(child)
    references = dict.fromkeys(re.findall(r"(?:href=\"|url\()#([^\")]+)", svg))
    ids = {old: f"{prefix}-{number}" for number, old in enumerate(references)}
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        element.text = element.tail = None
        if _HREF in element.attrib:
            target = element.attrib.pop(_HREF)
            is_inside = target.startswith("#")  # and otherwise the data of an image
            element.set("href", f"#{ids[target[1:]]}" if is_inside else target)
        for name, value in list(element.attrib.items()):
            if name == "id":
                if value in ids:
                    element.set(name, ids[value])
                else:
                    del element.attrib[name]
            elif value.startswith("url(#"):
                element.set(name, f"url(#{ids[value[5:-1]]})")
            elif name in _IN_POINTS:
                element.set(name, _short(value))
    _unwrap(root)
    root.attrib |= {"role": "img", "aria-label": title}
    return ElementTree.tostring(root, encoding="unicode")


def _unwrap(element: ElementTree.Element) -> None:
    """Puts in the place of each group without attributes what is in it."""
    children = []
    for child in element:
        _unwrap(child)
        children += list(child) if child.tag == "g" and not child.attrib else [child]
    element[:] = children


def _short(value: str) -> str:
    """Coordinates of two decimals, on one line; a scale stays as it is."""
    parts = re.split(r"(scale\([^)]*\))", " ".join(value.split()))
    return "".join(
        part if part.startswith("scale") else _DECIMALS.sub(_rounded, part)
        for part in parts
    )


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
