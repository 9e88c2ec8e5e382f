"""How far a measure moved, in a few characters."""

from typing import Any

from landscape.report.numbers import NOTHING, number, with_error

INVARIANT = "invariant"
LEGEND = (
    "invariant: moved by less than its own error, which is at most 1 % of it (or stayed to nine digits); ±: within its "
    "error (a random one three times), which is larger; –: not measured."
)


def cell_text(cell: dict[str, Any]) -> str:
    """Return the cell of a table: ``invariant``, a factor, or a dash.

    Example:
        >>> cell_text({"verdict": "moved", "factor": 18.26, "factor_error": 0.1})
        '18.3'
    """
    if cell["verdict"] is None:
        return NOTHING
    if cell["verdict"] == "invariant":
        return INVARIANT
    if cell["factor"] is None:
        return "from 0"
    if cell["verdict"] == "unresolved":
        return with_error(cell["factor"], cell["factor_error"])
    return number(cell["factor"])


def contradictions(network: dict[str, Any]) -> list[str]:
    """Return a sentence for each invariance that a measure claims and that does not hold here."""
    labels = {each["key"]: each["label"] for each in network["transformations"]}
    return [
        f"{row['label']} is said not to change under {labels[cell['transformation']]}, but moved by the factor "
        f"{cell_text(cell)} on {network['name']}."
        for row in network["rows"]
        for cell in row["cells"]
        if cell["claimed"] and cell["verdict"] == "moved"
    ]


def missing(network: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (what, why) for each transformation and each measure that there is none of, once each."""
    found = [
        (each["label"], each["reason"]) for each in network["transformations"] if not each["applies"] and each["reason"]
    ]
    return found + [(row["label"], row["reason"]) for row in network["rows"] if row["value"] is None]
