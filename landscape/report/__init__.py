"""The report of a run folder: figures, tables, one HTML page; reads files, never imports torch."""

from pathlib import Path

from landscape.report.terminal import summary

__all__ = ["summary", "write_report"]


def write_report(folder: Path) -> list[Path]:
    """Return the files written from a run folder's report.json; see :func:`landscape.report.writing.write_report`."""
    from landscape.report.writing import write_report as write  # Matplotlib and plotly, which a summary needs not

    return write(folder)
