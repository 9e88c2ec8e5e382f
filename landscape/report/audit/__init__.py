"""The report of an audit: terminal text, tables, heat maps, page; reads plain values, never imports torch."""

from pathlib import Path
from typing import Any

from landscape.report.audit.text import audit_text

__all__ = ["audit_text", "write_audit"]


def write_audit(result: dict[str, Any], folder: Path) -> list[Path]:
    """Return the files written; see :func:`landscape.report.audit.writing.write_audit`."""
    from landscape.report.audit.writing import write_audit as write  # Matplotlib and plotly

    return write(result, folder)
