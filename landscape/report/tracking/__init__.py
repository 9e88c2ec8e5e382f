"""The report on a tracked training: terminal text, figure, page; reads plain values, never imports torch."""

from pathlib import Path
from typing import Any

from landscape.report.tracking.text import track_text

__all__ = ["track_text", "write_track"]


def write_track(result: dict[str, Any], folder: Path) -> list[Path]:
    """Return the files written; see :func:`landscape.report.tracking.writing.write_track`."""
    from landscape.report.tracking.writing import write_track as write  # Matplotlib and plotly

    return write(result, folder)
