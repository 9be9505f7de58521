"""Tables as a LaTeX document that compiles on its own."""

import re
from collections.abc import Sequence

from experiments.reporting.entries import Entry
from experiments.reporting.tables import COMMAND, Table

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"{\char36}",  # not \$, which takes a font of its own
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\ttfamily\char34}",
    "±": r"$\pm$",
    "Δ": r"$\Delta$",
}
_HEAD = r"""\documentclass{article}
\usepackage[a3paper,landscape,margin=1.2cm]{geometry}
\usepackage{booktabs}
\usepackage{longtable}
\setlength{\tabcolsep}{4pt}
\begin{document}
\scriptsize"""


def latex(title: str, status: str, tables: Sequence[Table]) -> str:
    """A document of all tables of a suite, for booktabs and longtable.

    Args:
      title: of the document.
      status: a sentence on what is missing.
      tables: what it shows.
    """
    parts = [_HEAD, rf"\section*{{{escape(title)}}}", escape(status)]
    parts += [_table(table) for table in tables if table.heads]
    return "\n\n".join([*parts, r"\end{document}"]) + "\n"


def escape(text: str) -> str:
    """`text` as LaTeX shows it literally.

    Letters beyond ASCII, for which fonts may be missing, become their code points.
    """
    escaped = "".join(map(_character, text))
    # A hyphen before a number is a sign; several would be joined to a dash.
    escaped = re.sub(r"(?<![\w}\-])-(?=\d)", "$-$", escaped)
    return re.sub(r"-(?=-)", "-{}", escaped)


def _character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isascii() and character.isprintable():
        return character
    return " " if character.isspace() else f"U+{ord(character):04X}"


def _table(table: Table) -> str:
    shown = [i for i, head in enumerate(table.heads) if head != COMMAND]
    heads = " & ".join(escape(table.heads[i]) for i in shown)
    columns = "".join("l" if i < table.num_labels else "r" for i in shown)
    lines = [
        rf"\begin{{longtable}}{{@{{}}{columns}@{{}}}}",
        rf"\caption{{{escape(table.title)}}}\\",
        rf"\toprule {heads} \\ \midrule \endfirsthead",
        rf"\toprule {heads} \\ \midrule \endhead",
        r"\bottomrule \endlastfoot",
    ]
    for row in table.rows:
        lines.append(" & ".join(_cell(row[i]) for i in shown) + r" \\")
    return "\n".join([*lines, r"\end{longtable}"])


def _cell(entry: Entry) -> str:
    note = rf" {{\tiny {escape(entry.note)}}}" if entry.note else ""
    # Braces, for a bracket after the end of a row would be read as its argument.
    return f"{{{escape(entry.text)}}}{note}"
