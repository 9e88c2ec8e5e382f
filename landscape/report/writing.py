"""A run folder's report: figures, tables and page, written from its files alone."""

from pathlib import Path

from landscape.report.attention import attention
from landscape.report.figures import write_figures
from landscape.report.figures.venue import HOUSE, VENUES
from landscape.report.folder import read_report, read_slices
from landscape.report.latex_tables import latex_document
from landscape.report.methods import methods
from landscape.report.page import page_html
from landscape.report.table_formats import markdown_document
from landscape.report.tables import all_tables
from landscape.store import write_text


def write_report(folder: Path, venue: str | None = None) -> list[Path]:
    """Write ``figures/``, tables, ``methods.md`` and ``report.html`` of a run folder, and return their paths.

    Args:
        folder: Holds a report.json and the slices that it names.
        venue: For whose text width and letters figures are drawn: ``neurips``, ``icml``, ``iclr`` or ``jmlr``.

    Returns:
        The paths of what was written, the page last. The same files give the same bytes.

    Raises:
        StorageError: If there is no readable report.json, or nothing can be written.
    """
    report = read_report(folder)
    slices, notes = read_slices(folder, report)
    figures, left_out = write_figures(report, slices, folder / "figures", VENUES[venue] if venue else HOUSE)
    tables = all_tables(report)
    missing = [f"The figure {each.name} is left out: {each.why}." for each in left_out]
    title = report.get("title") or "Report"
    texts = {
        "table.tex": latex_document(tables, title),
        "table.md": markdown_document(tables, title, [*attention(report), *notes, *missing]),
        "methods.md": methods(report),
        "report.html": page_html(report, slices, figures, left_out, notes),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [*figures, *(folder / name for name in texts)]
