"""Tables as LaTeX (booktabs), Markdown and HTML."""

from landscape.report.escape import for_html, for_latex, for_markdown
from landscape.report.symbols import Term, term_for_html, term_for_latex, term_for_markdown
from landscape.report.table import Cell, Table


def latex_document(tables: list[Table], title: str) -> str:
    r"""Return a file for ``\input``; its preamble needs booktabs and nothing else."""
    head = f"% {for_latex(title)}\n% \\usepackage{{booktabs}}\n"
    return head + "\n".join(_latex(table) for table in tables)


def _latex(table: Table) -> str:
    columns = "l" * table.names + "r" * (len(table.header) - table.names)
    lines = [
        r"\begin{table}[tbp]",
        r"  \centering\footnotesize\setlength{\tabcolsep}{4pt}",
        f"  \\caption{{{for_latex(table.caption)}}}",
        f"  \\label{{tab:{table.key}}}",
        f"  \\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"    \toprule",
        f"    {_latex_row(table.header)}",
        r"    \midrule",
        *(f"    {_latex_row(row)}" for row in _without_repeats(table)),
        r"    \bottomrule",
        r"  \end{tabular}",
        *(f"  \\par\\smallskip {for_latex(note)}" for note in table.notes),
        "\\end{table}\n",
    ]
    return "\n".join(lines)


def _latex_row(cells: tuple[Cell, ...]) -> str:
    # An opening bracket after the \\ of the row before would be read as that command's argument.
    texts = [term_for_latex(cell) if isinstance(cell, Term) else for_latex(cell) for cell in cells]
    if texts[0].startswith("["):
        texts[0] = "{}" + texts[0]
    return " & ".join(texts) + r" \\"


def markdown_document(tables: list[Table], title: str, notes: list[str]) -> str:
    """Return all tables as one Markdown page; ``notes`` come last."""
    parts = [f"# {for_markdown(title)}\n", *(_markdown(table) for table in tables)]
    if notes:
        parts.append("\n".join(f"- {for_markdown(note)}" for note in notes) + "\n")
    return "\n".join(parts)


def _markdown(table: Table) -> str:
    rule = [":---"] * table.names + ["---:"] * (len(table.header) - table.names)
    lines = [
        f"**{for_markdown(table.caption)}**\n",
        _markdown_row(table.header),
        "| " + " | ".join(rule) + " |",
        *(_markdown_row(row) for row in table.rows),
        *(f"\n{for_markdown(note)}" for note in table.notes),
    ]
    return "\n".join(lines) + "\n"


def _markdown_row(cells: tuple[Cell, ...]) -> str:
    texts = (term_for_markdown(cell) if isinstance(cell, Term) else for_markdown(cell) for cell in cells)
    return "| " + " | ".join(texts) + " |"


def as_html(table: Table) -> str:
    """Return a table with scoped headers in a region that scrolls sideways on its own."""
    head = "".join(
        f'<th scope="col"{_name_class(index, table)}>{for_html(text)}</th>' for index, text in enumerate(table.header)
    )
    body = "".join(f"<tr>{_html_row(row, table)}</tr>\n" for row in table.rows)
    notes = "".join(f'<p class="note">{for_html(note)}</p>' for note in table.notes)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{table.key}"><table>'
        f'<caption id="{table.key}"><span>{for_html(table.caption)}</span></caption>'
        f"<thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>{notes}\n"
    )


def _html_row(row: tuple[Cell, ...], table: Table) -> str:
    cells = []
    for index, cell in enumerate(row):
        text = term_for_html(cell) if isinstance(cell, Term) else for_html(cell)
        if text.endswith(" !"):
            text = text[:-1] + '<abbr class="bad" title="did not converge">!</abbr>'
        if index == 0:
            cells.append(f'<th scope="row" class="name">{text}</th>')
        else:
            cells.append(f"<td{_name_class(index, table)}>{text}</td>")
    return "".join(cells)


def _name_class(index: int, table: Table) -> str:
    return ' class="name"' if index < table.names else ""


def _without_repeats(table: Table) -> list[tuple[Cell, ...]]:
    """Return the rows with a first cell that only repeats the one above left empty, as printed tables have it."""
    rows: list[tuple[Cell, ...]] = []
    for above, row in zip((None, *table.rows), table.rows, strict=False):
        repeated = table.names > 1 and above is not None and above[0] == row[0]
        rows.append(("", *row[1:]) if repeated else row)
    return rows
