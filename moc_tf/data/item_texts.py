"""What an item says in one text, for an encoder: a template over its attributes."""

import string
from collections.abc import Mapping

from moc_tf.data.interactions import Catalogue
from moc_tf.identifiers import preview

DEFAULT_TEMPLATE = "{title} | Brand: {brand} | Category: {category} | {description}"
"""What public catalogues know of an item."""


class TextTemplate:
    """Joins the attributes of an item to one text.

    A template is parts with a `|` between them. A part is text with fields in braces,
    as `str.format` has them. A part one of whose fields the item lacks is left out
    whole, and the separator stands only between the parts that are left: so nothing
    dangles, whichever fields are missing.

        TextTemplate("{title} | Brand: {brand} | {description:.200}", ". ")
            title, brand and description   "Soap. Brand: Acme. Smells of roses"
            title and description          "Soap. Smells of roses"
            brand                          "Brand: Acme"

    A field that some items lack should have a part of its own, or it takes the others
    of its part with it. Spaces at the ends of a part do not count. Runs of white space
    in a value, line breaks too, become one space.

    Args:
      template: its parts. A field may have a format that strings have:
        `{description:.200}` is the first 200 characters. `{{` and `}}` are braces; a
        `|` can only stand in the separator.
      separator: what stands between two parts.

    Attributes:
      template: as given.
      separator: as given.
      fields: names of the fields, in the order of their first occurrence.

    Raises:
      ValueError: if the template is malformed, or a part has no field.
    """

    def __init__(self, template: str = DEFAULT_TEMPLATE, separator: str = "\n"):
        self.template = template
        self.separator = separator
        self._parts = [
            (part.strip(), _fields_of(part, template)) for part in template.split("|")
        ]
        names = [name for _, fields in self._parts for name in fields]
        self.fields = tuple(dict.fromkeys(names))

    def __repr__(self) -> str:
        return f"TextTemplate({self.template!r}, {self.separator!r})"

    def render(self, values: Mapping[str, str]) -> str:
        """The text of one item.

        Args:
          values: field -> value, for all of `fields`; of white space alone where the
            item lacks the field.

        Returns:
          The text, "" if every part is left out.
        """
        present = {name: " ".join(values[name].split()) for name in self.fields}
        parts = (
            part.format_map(present).strip()
            for part, fields in self._parts
            if all(present[name] for name in fields)
        )
        return self.separator.join(part for part in parts if part)


def item_texts(catalogue: Catalogue, template: TextTemplate) -> list[str]:
    """The text of each item of a catalogue, in its order.

    Args:
      catalogue: the items; their attributes include the template's fields.
      template: how to join them.

    Raises:
      ValueError: if the catalogue lacks a field of the template, or an item has none
        of the fields, so that there is nothing to embed.
    """
    unknown = [name for name in template.fields if name not in catalogue.attributes]
    if unknown:
        raise ValueError(
            f"The fields of a template must be attributes of the items, which are "
            f"{preview(list(catalogue.attributes), limit=20)}. Received: {template}, "
            f"where {preview(unknown)} is none."
        )
    columns = [catalogue.attributes[name].tolist() for name in template.fields]
    texts = [
        template.render(dict(zip(template.fields, values, strict=True)))
        for values in zip(*columns, strict=True)
    ]
    empty = [
        item_id
        for item_id, text in zip(catalogue.item_ids, texts, strict=True)
        if not text
    ]
    if empty:
        raise ValueError(
            f"{len(empty)} of {len(texts)} items have no text, since in every part of "
            f"the template they lack a field: {preview(empty)}. Received: {template}. "
            "Add a part with a field that they have, or leave them out of the items."
        )
    return texts


def _fields_of(part: str, template: str) -> tuple[str, ...]:
    """Names of the fields of a part.

    Raises:
      ValueError: if there are none, or `str.format` would not fill them from strings
        by name.
    """
    names = []
    try:
        for _, name, spec, conversion in string.Formatter().parse(part):
            if name is None:  # text after the last field
                continue
            if not name.isidentifier():
                raise ValueError(f"it has {{{name}}}, which is no name of a field")
            if conversion is not None or "{" in str(spec):
                raise ValueError(f"of {{{name}}} it asks more than strings can give")
            format("", str(spec))
            names.append(name)
    except ValueError as error:
        raise _malformed(part, template, str(error)) from error
    if not names:
        raise _malformed(part, template, "it has no field")
    return tuple(dict.fromkeys(names))


def _malformed(part: str, template: str, problem: str) -> ValueError:
    return ValueError(
        "A template is parts with a | between them, each with a field in braces, such "
        f"as {DEFAULT_TEMPLATE!r}. The part {part.strip()!r} is not one: {problem}. "
        f"Received: {template!r}."
    )
