"""An audit as tables, the same for the terminal, Markdown, LaTeX and the page."""

from typing import Any

from landscape.report.audit.cells import LEGEND, cell_text
from landscape.report.numbers import NOTHING, number, with_error
from landscape.report.symbols import Term
from landscape.report.table import Row, Table

Network = dict[str, Any]


def factors(network: Network, index: int = 0) -> Table:
    """Return the table of measures by transformations; transformations that do not apply are left out."""
    shown = [each for each in network["transformations"] if each["applies"]]
    keys = [each["key"] for each in shown]
    rows: list[Row] = []
    for row in network["rows"]:
        cells = {each["transformation"]: each for each in row["cells"]}
        rows.append((Term(row["label"], row["symbol"]), _value(row), *(cell_text(cells[key]) for key in keys)))
    caption = (
        f"{network['name']}: the factor by which each measure moved when the network was changed and its function was "
        f"not (with logits ×2 its decisions were not). {LEGEND}"
    )
    header = ("measure", "value", *(each["label"] for each in shown))
    return Table(f"audit-{index}", caption, header, tuple(rows))


def checks(network: Network, index: int = 0) -> Table:
    """Return how exactly each transformation left the outputs as they were."""
    rows: list[Row] = []
    for each in network["transformations"]:
        difference = NOTHING if each["output_difference"] is None else number(each["output_difference"], 2)
        decisions = {True: "all kept", False: "some changed", None: NOTHING}[each["decisions_kept"]]
        rows.append((each["label"], difference, decisions, each["reason"]))
    caption = "Largest difference of outputs over the largest output, over all examples (logits ×2: from twice them)."
    return Table(f"checks-{index}", caption, ("transformation", "difference", "decisions", ""), tuple(rows))


def point(network: Network) -> str:
    """Return what was audited, in one sentence."""
    origin = network["origin"]
    accuracy = "" if network["accuracy"] is None else f", accuracy {number(100 * network['accuracy'], 4)} %"
    return (
        f"{origin[:1].upper()}{origin[1:]}: training loss {number(network['loss'], 4)}{accuracy} over "
        f"{network['examples']:,} examples; {network['parameters']:,} parameters, {network['neurons']:,} neurons that "
        f"can be rescaled, {network['dtype']}."
    )


def _value(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return NOTHING
    coarse = row["error"] is not None and row["error"] > 1e-4 * abs(row["value"])
    text = with_error(row["value"], row["error"]) if coarse else number(row["value"], 4)
    return text if row["converged"] else f"{text} !"
