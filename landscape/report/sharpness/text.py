"""What a terminal shows of the measures of one minimum, in plain text."""

from typing import Any

from landscape.report.curvature.tables import cost, point
from landscape.report.sharpness import tables
from landscape.report.terminal import aligned, text_table, wrapped

_INDENT = "  "


def sharpness_text(result: dict[str, Any], width: int = 80) -> str:
    """Return the numbers as text of at most ``width`` columns, without colour; ``!`` marks what has not converged."""
    made = (tables.measurements(result, names=True), tables.layers(result), tables.verification(result))
    parts = [tables.title(result), wrapped(point(result), width)]
    parts += [text_table(aligned(table), width) for table in made if table.rows]
    spots = [wrapped(f"{names}: {text}", width, _INDENT) for names, text in tables.cannot_see(result)]
    parts.append("\n".join(["What each cannot see:", *spots]))
    parts += ["\n".join(wrapped(sentence, width) for sentence in tables.shared(result))]
    parts += [wrapped(sentence, width, "! ") for sentence in result["warnings"]]
    parts.append(f"{cost(result['matvecs'], 0)} with the operator, {result['seconds']:.1f} s.")
    return "\n\n".join(part for part in parts if part) + "\n"


def notes_text(result: dict[str, Any], width: int = 80) -> str:
    """Return how the model, the loss and the data were understood, a line each."""
    return "\n".join(wrapped(f"{note[:1].upper()}{note[1:].rstrip('.')}.", width, "- ") for note in result["notes"])
