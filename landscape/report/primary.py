"""The primary question of a study as reports name it."""

from landscape.report import points as view
from landscape.report.folder import Report
from landscape.report.numbers import number


def primary_notes(report: Report) -> tuple[str, ...]:
    """Return the note below a table of comparisons or coefficients, if there is one."""
    note = primary_note(report)
    return (note,) if note else ()


def exploratory_notes(report: Report) -> tuple[str, ...]:
    """Return the note below a table that the primary question is not in."""
    return ("Exploratory.",) if report.get("primary") else ()


def primary_note(report: Report) -> str:
    """Return which comparison was named before the runs, and that all others are exploratory; "" without any."""
    primary = report.get("primary")
    if not primary:
        return ""
    names = [str(view.term(each)) for each in report["measures"] if each["name"] == primary["measure"]]
    asked = (
        f"{names[0] if names else primary['measure']}, {primary['numerator']} / {primary['denominator']}, at training "
        f"loss {number(primary['level'])}"
    )
    if primary["named"] == "before":
        return f"Primary, named before the runs: {asked}. Everything else is exploratory."
    return f"Named after the runs: {asked}. Everything is exploratory."
