"""What a terminal shows of a surface, in plain text."""

import textwrap
from typing import Any

from landscape.report.escape import one_line
from landscape.report.surface import tables
from landscape.report.table import Table
from landscape.report.terminal import text_table


def surface_text(result: dict[str, Any], width: int = 80) -> str:
    """Return the numbers beside a surface as text of at most ``width`` columns, without colour."""
    parts = [tables.title(result), _wrapped(tables.point(result), width)]
    parts += [text_table(table, width) for table in _tables(result)]
    parts += ["\n".join(_wrapped(sentence, width, "- ") for sentence in tables.sentences(result))]
    parts.append(f"{result['filled']['computed']:,} points in {result['seconds']:.1f} s.")
    return "\n\n".join(parts) + "\n"


def _tables(result: dict[str, Any]) -> list[Table]:
    return [tables.axes(result), tables.marks(result), *tables.extra_tables(result)]


def _wrapped(text: str, width: int, mark: str = "") -> str:
    return "\n".join(textwrap.wrap(one_line(text), width, initial_indent=mark, subsequent_indent=" " * len(mark)))
