"""A table as HTML."""

import html
from collections.abc import Sequence

from experiments.reporting.entries import Entry
from experiments.reporting.tables import Table


def page_table(table: Table) -> str:
    """The table in a container of its own, which scrolls where the page must not."""
    title = f"{html.escape(table.anchor)}-title"
    heads = "".join(f'<th scope="col">{html.escape(head)}</th>' for head in table.heads)
    anchors = table.row_anchors or [""] * len(table.rows)
    rows = "\n".join(
        _row(row, table.num_labels, anchor)
        for row, anchor in zip(table.rows, anchors, strict=True)
    )
    return (
        f'<div class="scroll" id="{html.escape(table.anchor)}" role="region" '
        f'aria-labelledby="{title}" tabindex="0">\n'
        f'<table>\n<caption id="{title}">{html.escape(table.title)}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>"
    )


def _row(row: Sequence[Entry], num_labels: int, anchor: str) -> str:
    named = f' id="{html.escape(anchor)}"' if anchor else ""
    labels = [entry.text for entry in row[:num_labels]]
    cells = [f'<th scope="row">{html.escape(label)}</th>' for label in labels]
    cells += [_cell(entry, " ".join(labels)) for entry in row[num_labels:]]
    return f"<tr{named}>{''.join(cells)}</tr>"


def _cell(entry: Entry, row: str) -> str:
    if entry.command:
        return (
            f'<td><details><summary>command<span class="said"> of {html.escape(row)}'
            f"</span></summary><code>{html.escape(entry.command)}</code></details></td>"
        )
    text = html.escape(entry.text)
    if entry.target:
        text = f'<a href="#{html.escape(entry.target)}">{text}</a>'
    note = f'<span class="note">{html.escape(entry.note)}</span>' if entry.note else ""
    return f'<td class="figure">{text}{note}</td>'
