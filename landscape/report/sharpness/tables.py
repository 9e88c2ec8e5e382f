"""The measures of one minimum as tables, the same for terminal, Markdown, LaTeX and the page."""

from typing import Any

from landscape.report.curvature.tables import cost, marked
from landscape.report.numbers import NOTHING, number, with_error
from landscape.report.symbols import Term
from landscape.report.table import Row, Table
from landscape.statistics.meaning import listed

Result = dict[str, Any]
_GAUGE = "! marks what has not converged, – what could not be had."


def title(result: Result) -> str:
    """Return what was measured in a few words."""
    return f"Sharpness of {result['name']}"


def measurements(result: Result, *, names: bool) -> Table:
    """Return a row a measure: value, error, cost.

    Args:
        result: What `landscape.study.sharpness.sharpness` returned.
        names: Whether measures go by the names that are typed, or by their labels with symbols.
    """
    rows: list[Row] = []
    for name, row in result["measurements"].items():
        value = marked(with_error(row["value"], row["error"]), row["converged"] or row["value"] is None)
        first = name if names else Term(row["label"], row["symbol"])
        rows.append((first, value, row["error_kind"] if row["value"] is not None else "", _cost(row)))
    caption = f"Measures over {result['examples']:,} examples, each with its error. {_GAUGE}"
    return Table("measures", caption, ("measure", "value ± error", "error is", "cost"), tuple(rows))


def _cost(row: Result) -> str:
    """Return what a measure cost itself: products and passes over all the examples."""
    forward = row.get("forward_passes") or 0
    parts = [cost(row["matvecs"], row["passes"])] if row["matvecs"] or row["passes"] or not forward else []
    if not (row["matvecs"] or row["passes"] or forward):
        return "nothing more" if row.get("shared") else NOTHING
    return " + ".join([*parts, f"{forward:,} forward"] if forward else parts)


def layers(result: Result) -> Table:
    """Return a row a layer: the block's top eigenvalue and trace."""
    rows = tuple(
        (
            row["name"],
            marked(with_error(row["top_eigenvalue"], row["top_eigenvalue_error"]), row["top_eigenvalue_converged"]),
            marked(with_error(row["trace"], row["trace_error"]), row["trace_converged"]),
            f"{row['parameters']:,}",
        )
        for row in result["layers"]
    )
    caption = (
        "The block of the Hessian of each layer: top eigenvalue with its residual, and trace. Rescaling layers moves "
        "these most."
    )
    return Table("layers", caption, ("layer", "top eigenvalue", "trace", "parameters"), rows)


def verification(result: Result) -> Table:
    """Return a row a number that was compared with the dense Hessian."""
    found = result["verification"] or {"comparisons": [], "verdict": ""}
    rows = tuple(
        (
            row["what"],
            marked(number(row["engine"], 6), row["agrees"]),
            number(row["dense"], 6),
            number(row["difference"], 2),
            number(row["allowed"], 2),
        )
        for row in found["comparisons"]
    )
    header = ("number", "engine", "dense float64", "difference", "allowed")
    return Table("verification", f"Verified: {found['verdict']}", header, rows)


def cannot_see(result: Result) -> list[tuple[str, str]]:
    """Return (measures, what they cannot see or why they could not be had); those that say the same together."""
    names: dict[str, list[str]] = {}
    for name, row in result["measurements"].items():
        said = row["caveat"] or row["blind_spot"]
        text = said if row["value"] is not None else f"could not be had: {row['reason']}"
        names.setdefault(text, []).append(name)
    return [(", ".join(each), text) for text, each in names.items()]


def shared(result: Result) -> list[str]:
    """Return a sentence for each measure that took something over from another."""
    sentences = []
    for name, row in result["measurements"].items():
        taken: dict[str, list[str]] = {}
        for each in row.get("shared") or ():
            what, _, maker = each.rpartition(", from ")
            taken.setdefault(maker, []).append(f"the {what}")
        sentences += [f"{name} took over {listed(whats)} from {maker}." for maker, whats in taken.items()]
    return sentences
