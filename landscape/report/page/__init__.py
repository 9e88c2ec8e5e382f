"""The report as one HTML page that works offline."""

from pathlib import Path

from landscape.report.figures.canvas import LeftOut
from landscape.report.folder import Report, Slice
from landscape.report.page.document import document
from landscape.report.page.sections import body


def page_html(
    report: Report, slices: list[Slice], figures: list[Path], left_out: list[LeftOut], notes: list[str]
) -> str:
    """Return the page; see :func:`landscape.report.page.sections.body` for what goes in."""
    page = body(report, slices, figures, left_out, notes)
    return document(report.get("title") or "Report", "".join(page.parts), page.plots)
