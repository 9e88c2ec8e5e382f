"""What a terminal shows of one minimum's curvature, in plain text."""

import textwrap
from typing import Any

from landscape.report.curvature import tables
from landscape.report.escape import one_line
from landscape.report.table import Table
from landscape.report.terminal import text_table


def curvature_text(result: dict[str, Any], width: int = 80) -> str:
    """Return the numbers as text of at most ``width`` columns, without colour; ``!`` marks what has not converged."""
    parts = [tables.title(result), _wrapped(tables.point(result), width)]
    parts += [text_table(_aligned(table), width) for table in _tables(result) if table.rows]
    parts += [_wrapped(sentence, width, "! ") for sentence in tables.unconverged(result)]
    parts.append(f"{result['matvecs']:,} products with the operator, {result['seconds']:.1f} s.")
    return "\n\n".join(parts) + "\n"


def _tables(result: dict[str, Any]) -> list[Table]:
    return [tables.eigenvalues(result), tables.others(result)]


def _aligned(table: Table) -> Table:
    """Return the table with a blank behind each number where another one has a mark."""
    if not any(str(row[1]).endswith(" !") for row in table.rows):
        return table
    rows = tuple((row[0], row[1] if str(row[1]).endswith(" !") else f"{row[1]} \u00a0", *row[2:]) for row in table.rows)
    return Table(table.key, table.caption, table.header, rows, table.names, table.notes)


def _wrapped(text: str, width: int, mark: str = "") -> str:
    indent = " " * len(mark)
    return "\n".join(textwrap.wrap(one_line(text), width, initial_indent=mark, subsequent_indent=indent))
