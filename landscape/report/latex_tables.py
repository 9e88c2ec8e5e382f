"""Tables as LaTeX with booktabs, as narrow as a column of a paper is."""

import textwrap

from landscape.report.escape import for_latex, one_line
from landscape.report.symbols import Term, term_for_latex
from landscape.report.table import Cell, Row, Table, column_blocks

FOOTNOTESIZE, SCRIPTSIZE = 78, 92  # characters of a line of the article class, 345 points wide
NAME, HEADER = 29, 16  # characters from which a name and a header take several lines


def latex_document(tables: list[Table], title: str) -> str:
    r"""Return a file for ``\input``; its preamble needs booktabs and nothing else."""
    head = f"% {for_latex(title)}\n% \\usepackage{{booktabs}}\n"
    return head + "\n".join(_table(table) for table in tables)


def _table(table: Table) -> str:
    rows = _without_repeats(table)
    measured = (*rows, _wrapped(table))
    widths = [max(len(one_line(row[i])) for row in measured) for i in range(len(table.header))]
    widths[0] = min(widths[0], NAME)
    blocks = column_blocks(widths, table.names, SCRIPTSIZE)
    widest = max(sum(widths[i] + 2 for i in block) for block in blocks)
    size = r"\footnotesize" if widest <= FOOTNOTESIZE else r"\scriptsize"
    lines = [
        r"\begin{table}[tbp]",
        rf"  \centering{size}\setlength{{\tabcolsep}}{{4pt}}",
        f"  \\caption{{{for_latex(table.caption)}}}",
        f"  \\label{{tab:{table.key}}}",
        "\n  \\par\\medskip\n".join(_tabular(table, rows, block) for block in blocks),
        *(f"  \\par\\smallskip {for_latex(note)}" for note in table.notes),
        "\\end{table}\n",
    ]
    return "\n".join(lines)


def _tabular(table: Table, rows: list[Row], block: list[int]) -> str:
    """Return some of a table's columns; long names in the first wrap."""
    wraps = any(len(one_line(row[0])) > NAME for row in rows)
    columns = [r"p{0.3\linewidth}" if i == 0 and wraps else "l" if i < table.names else "r" for i in block]
    # Symbols stand where a name has one row; beside several rows they would push these apart.
    body = [[_cell(row[i], symbols=table.names == 1) for i in block] for row in rows]
    if wraps:
        body = [[rf"\raggedright {cells[0]}", *cells[1:]] for cells in body]
    lines = [
        f"  \\begin{{tabular}}{{@{{}}{''.join(columns)}@{{}}}}",
        r"    \toprule",
        f"    {_line([_header(table.header[i]) for i in block])}",
        r"    \midrule",
        *(f"    {_line(cells)}" for cells in body),
        r"    \bottomrule",
        r"  \end{tabular}",
    ]
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    # An opening bracket after the \\ of the row before would be read as that command's argument.
    first = "{}" + cells[0] if cells[0].startswith("[") else cells[0]
    return " & ".join([first, *cells[1:]]) + r" \\"


def _cell(cell: Cell, symbols: bool) -> str:
    return term_for_latex(cell) if symbols and isinstance(cell, Term) else for_latex(cell)


def _header(text: str) -> str:
    lines = [for_latex(line) for line in textwrap.wrap(one_line(text), HEADER)]
    return lines[0] if len(lines) == 1 else r"\shortstack{" + r" \\ ".join(lines) + "}"


def _wrapped(table: Table) -> Row:
    """Return the header with the longest line of each cell, for its width."""
    return tuple(max(textwrap.wrap(one_line(text), HEADER) or [""], key=len) for text in table.header)


def _without_repeats(table: Table) -> list[Row]:
    """Return the rows with a first cell that only repeats the one above left empty, as printed tables have it."""
    rows: list[Row] = []
    for above, row in zip((None, *table.rows), table.rows, strict=False):
        repeated = table.names > 1 and above is not None and above[0] == row[0]
        rows.append(("", *row[1:]) if repeated else row)
    return rows
