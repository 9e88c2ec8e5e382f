"""The report on the curvature of one minimum: terminal text, figure, page; reads plain values, never imports torch."""

from pathlib import Path
from typing import Any

from landscape.report.curvature.text import curvature_text

__all__ = ["curvature_text", "write_curvature"]


def write_curvature(result: dict[str, Any], folder: Path) -> list[Path]:
    """Return the files written; see :func:`landscape.report.curvature.writing.write_curvature`."""
    from landscape.report.curvature.writing import write_curvature as write  # Matplotlib and plotly

    return write(result, folder)
