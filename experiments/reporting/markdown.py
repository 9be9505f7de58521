"""Tables as Markdown."""

import re
from collections.abc import Mapping, Sequence

from experiments.reporting.entries import Entry
from experiments.reporting.tables import COMMAND, Table
from moc_tf.evaluation import format_cells


def markdown(title: str, status: str, tables: Sequence[Table]) -> str:
    """A document of all tables of a suite, readable as it stands.

    Args:
      title: of the document.
      status: a sentence on what is missing.
      tables: what it shows.
    """
    parts = [f"# {_escape(title)}", _escape(status)]
    for table in tables:
        parts += [f"## {_escape(table.title)}", _table(table)]
    return "\n\n".join(parts) + "\n"


def glossary(terms: Mapping[str, str]) -> str:
    """Terms and what they mean, as a list."""
    return "\n".join(f"- **{term}**: {meaning}" for term, meaning in terms.items())


def _table(table: Table) -> str:
    shown = [i for i, head in enumerate(table.heads) if head != COMMAND]
    heads = [table.heads[i] for i in shown]
    if not heads:
        return "No columns."
    rows = [[_cell(row[i]) for i in shown] for row in table.rows]
    return format_cells(rows, heads, "markdown")


def _cell(entry: Entry) -> str:
    # format_cells escapes what would end a cell; this, what would begin an element.
    text = "; ".join(filter(None, (entry.text, entry.note)))
    return re.sub(r"<(?=[A-Za-z/!?])", r"\\<", text)


def _escape(text: str) -> str:
    return "".join(f"\\{c}" if c in "\\`*_[]<>#" else c for c in text)
