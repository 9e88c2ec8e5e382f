"""What a terminal shows of an audit, in plain text."""

import textwrap
from typing import Any

from landscape.report.audit.cells import contradictions, missing
from landscape.report.audit.tables import checks, factors, point
from landscape.report.escape import one_line
from landscape.report.table import Table
from landscape.report.terminal import text_table


def audit_text(result: dict[str, Any], width: int = 80) -> str:
    """Return an audit as text of at most ``width`` columns, without colour; ``!`` marks what has not converged."""
    parts = []
    for network in result["networks"]:
        parts += [network["name"], _wrapped(point(network), width), text_table(factors(network), width)]
        table = checks(network)
        rows = tuple(row[:3] for row in table.rows if row[1] != "–")
        parts.append(text_table(Table(table.key, table.caption, table.header[:3], rows), width))
        parts += [_wrapped(f"{what}: {why}.".replace("..", "."), width, "– ") for what, why in missing(network)]
        found = contradictions(network)
        parts += [_wrapped(sentence, width, "! ") for sentence in found]
        if not found:
            parts.append(_wrapped("Every invariance that a measure is said to have holds here.", width))
    return "\n\n".join(parts) + "\n"


def _wrapped(text: str, width: int, mark: str = "") -> str:
    indent = " " * len(mark)
    return "\n".join(textwrap.wrap(one_line(text), width, initial_indent=mark, subsequent_indent=indent))
