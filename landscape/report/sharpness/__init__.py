"""The report on measures of one minimum: terminal text, tables, page; reads plain values, never imports torch."""

from pathlib import Path
from typing import Any

from landscape.report.sharpness.text import notes_text, sharpness_text

__all__ = ["notes_text", "sharpness_text", "write_sharpness"]


def write_sharpness(result: dict[str, Any], folder: Path) -> list[Path]:
    """Return the files written; see :func:`landscape.report.sharpness.writing.write_sharpness`."""
    from landscape.report.sharpness.writing import write_sharpness as write  # plotly

    return write(result, folder)
