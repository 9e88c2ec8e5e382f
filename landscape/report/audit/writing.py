"""The files of an audit: numbers, tables, heat maps, page."""

from pathlib import Path
from typing import Any

from landscape.report.audit.cells import contradictions, missing
from landscape.report.audit.page import TITLE, audit_page
from landscape.report.audit.tables import checks, factors
from landscape.report.figures.audit import audit_figures
from landscape.report.figures.canvas import save, style
from landscape.report.latex_tables import latex_document
from landscape.report.table_formats import markdown_document
from landscape.store import write_json, write_text


def write_audit(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write ``audit.json``, ``table.md``, ``table.tex``, ``figures/`` and ``report.html`` and return their paths.

    Args:
        result: What `landscape.study.audit.audit` returned.
        folder: Where to; made if it is not there.

    Returns:
        The paths of what was written, the page last.
    """
    numbers, markdown, latex, page = (folder / each for each in ("audit.json", "table.md", "table.tex", "report.html"))
    write_json(numbers, result)
    networks = list(enumerate(result["networks"]))
    tables = [make(network, index) for index, network in networks for make in (factors, checks)]
    notes = [f"{network['name']}: {what}: {why}" for _, network in networks for what, why in missing(network)]
    notes += [sentence for _, network in networks for sentence in contradictions(network)]
    write_text(markdown, markdown_document(tables, TITLE, notes))
    write_text(latex, latex_document([factors(network, index) for index, network in networks], TITLE))
    with style():
        drawn = [save(each, folder / "figures") for each in audit_figures(result)]
    write_text(page, audit_page(result, [next(path for path in each if path.suffix == ".png") for each in drawn]))
    return [numbers, markdown, latex, *(path for each in drawn for path in each), page]
