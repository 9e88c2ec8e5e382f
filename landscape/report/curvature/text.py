"""What a terminal shows of one minimum's curvature, in plain text."""

from typing import Any

from landscape.report.curvature import tables
from landscape.report.table import Table
from landscape.report.terminal import aligned, text_table, wrapped


def curvature_text(result: dict[str, Any], width: int = 80) -> str:
    """Return the numbers as text of at most ``width`` columns, without colour; ``!`` marks what has not converged."""
    parts = [tables.title(result), wrapped(tables.point(result), width)]
    parts += [text_table(aligned(table), width) for table in _tables(result) if table.rows]
    parts += [wrapped(sentence, width, "! ") for sentence in tables.unconverged(result)]
    parts.append(f"{tables.cost(result['matvecs'], 0)} with the operator, {result['seconds']:.1f} s.")
    return "\n\n".join(parts) + "\n"


def _tables(result: dict[str, Any]) -> list[Table]:
    return [tables.eigenvalues(result), tables.others(result)]
