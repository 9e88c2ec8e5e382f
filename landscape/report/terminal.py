"""What a terminal shows after a study: the verdict, then compact tables, in plain text."""

import textwrap

from landscape.report.attention import attention
from landscape.report.escape import one_line, shorten
from landscape.report.folder import Report
from landscape.report.table import Cell, Table, column_blocks
from landscape.report.tables import brief_tables

_NARROWEST_NAME = 20


def summary(report: Report, width: int = 80) -> str:
    """Return the verdict and the main tables of a report as text of at most ``width`` columns, without colour.

    Args:
        report: The content of a report.json.
        width: Columns of the terminal.

    Returns:
        The text; ``!`` stands beside numbers that did not converge.
    """
    verdict = report.get("verdict") or {}
    parts = [shorten(report.get("title") or "", width)]
    parts += ["\n".join(_wrap(sentence, width, "")) for sentence in verdict.get("sentences", [])]
    parts += [text_table(table, width) for table in brief_tables(report)]
    parts.append("\n".join(line for detail in verdict.get("details", []) for line in _wrap(detail, width, "- ")))
    parts.append("\n".join(line for note in attention(report) for line in _wrap(note, width, "! ")))
    return "\n\n".join(part for part in parts if part) + "\n"


def wrapped(text: str, width: int, mark: str = "") -> str:
    """Return a text in lines of at most ``width`` columns, the first behind a mark."""
    return "\n".join(_wrap(text, width, mark))


def aligned(table: Table) -> Table:
    """Return the table with a blank behind each number of its second column where another one has a mark."""
    if not any(str(row[1]).endswith(" !") for row in table.rows):
        return table
    rows = tuple((row[0], row[1] if str(row[1]).endswith(" !") else f"{row[1]} \u00a0", *row[2:]) for row in table.rows)
    return Table(table.key, table.caption, table.header, rows, table.names, table.notes)


def _wrap(text: str, width: int, mark: str) -> list[str]:
    return textwrap.wrap(one_line(text), width, initial_indent=mark, subsequent_indent=" " * len(mark))


def text_table(table: Table, width: int) -> str:
    """Return an aligned table; columns that do not fit go below, beside the same names."""
    rows = [[shorten(text, 24) for text in table.header], *([_line(cell) for cell in row] for row in table.rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.header))]
    widths = _narrowed(widths, table.names, width)
    widths[0] = _name_width(widths, table.names, width)
    lines = _wrap(table.caption, width, "")
    for block in column_blocks(widths, table.names, width):
        rule = "─" * (sum(widths[i] for i in block) + 2 * (len(block) - 1))
        lines += [rule, _join(rows[0][0], rows[0], block, widths, table.names), rule]
        lines += _body(rows[1:], block, widths, table.names)
    return "\n".join([*lines, rule, *(line for note in table.notes for line in _wrap(note, width, ""))])


def _narrowed(widths: list[int], names: int, width: int) -> list[int]:
    """Return the widths with names beside the first as narrow as it takes for the widest column to stand by them."""
    first, widest = min(widths[0], _NARROWEST_NAME), max(widths[names:], default=0)
    narrowed = list(widths)
    for i in range(1, names):
        over = first + sum(each + 2 for each in narrowed[1:names]) + widest + 2 - width
        narrowed[i] = max(narrowed[i] - max(over, 0), min(narrowed[i], _NARROWEST_NAME))
    return narrowed


def _name_width(widths: list[int], names: int, width: int) -> int:
    """Return how wide the names are: as wide as they can be with no more blocks than narrow ones take."""
    narrowest = min(widths[0], _NARROWEST_NAME)
    most = width - sum(each + 2 for each in widths[1:names]) - max((each + 2 for each in widths[names:]), default=0)
    fewest = len(column_blocks([narrowest, *widths[1:]], names, width))
    for each in range(min(widths[0], most), narrowest, -1):
        if len(column_blocks([each, *widths[1:]], names, width)) == fewest:
            return each
    return narrowest


def _line(cell: Cell) -> str:
    """Return a cell on one line; a blank in its last column stays, as it lines up numbers with and without a star."""
    return one_line(cell) + " " * str(cell).endswith(" ")


def _body(rows: list[list[str]], block: list[int], widths: list[int], names: int) -> list[str]:
    """Return the lines of the rows; a long name goes on below, a repeated one is not said again."""
    lines: list[str] = []
    said, name = "", [""]
    for row in rows:
        if names == 1 or row[0] != said:
            lines += [line for line in name if line]
            said, name = row[0], textwrap.wrap(row[0], widths[0], subsequent_indent="  ") or [""]
        for own in _wrapped_names(row, widths, names):
            lines.append(_join(name[0] if name else "", own, block, widths, names))
            name = name[1:]
    return lines + [line for line in name if line]


def _wrapped_names(row: list[str], widths: list[int], names: int) -> list[list[str]]:
    """Return a row as one, or as several where a name beside the first goes on below."""
    parts = [textwrap.wrap(row[i], widths[i], subsequent_indent="  ") or [""] for i in range(1, names)]
    depth = max(map(len, parts), default=1)
    below = [[part[i] if i < len(part) else "" for part in parts] for i in range(depth)]
    rest = [row[names:], *[[""] * (len(row) - names)] * (depth - 1)]
    return [[row[0], *own, *others] for own, others in zip(below, rest, strict=True)]


def _join(name: str, row: list[str], block: list[int], widths: list[int], names: int) -> str:
    rest = [row[i].ljust(widths[i]) if i < names else row[i].rjust(widths[i]) for i in block[1:]]
    return "  ".join([name.ljust(widths[0]), *rest]).rstrip()
