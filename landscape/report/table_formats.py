"""Tables as Markdown and as HTML."""

from landscape.report.escape import for_html, for_markdown
from landscape.report.symbols import Term, term_for_html, term_for_markdown
from landscape.report.table import Cell, Table


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
